"""What is left when a command is ended from outside."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import typer

from mien import Extractor, Face
from mien.contracts.face import RgbImage
from mien.plugins.guard import guarded_extract
from mien_cli.app import _end
from mien_cli.errors import ErrorTellingGroup

CLIP = Path(__file__).resolve().parents[2] / "tests" / "data" / "clips" / "face_then_noface_6s.mp4"


def test_sigterm_leaves_nothing_half_written(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "mien_cli",
        "anonymize",
        CLIP,
        tmp_path / "out.mp4",
        "--with",
        "blocks",
        "--no-check",
    ]
    with subprocess.Popen([*map(str, command), "--extractor", "blazeface"], stderr=subprocess.PIPE) as process:
        end = time.monotonic() + 60
        while not list(tmp_path.iterdir()) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        assert process.poll() is None and list(tmp_path.iterdir())
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


class Slow(Extractor):
    """Is at work when SIGTERM comes."""

    def extract(self, image: RgbImage) -> list[Face]:
        signal.raise_signal(signal.SIGTERM)
        return []


def test_sigterm_is_no_fault_of_the_plugin_that_is_at_work(capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise a folder would go on with its next file."""
    app = typer.Typer(cls=ErrorTellingGroup)
    app.callback()(lambda: None)
    app.command("find")(lambda: guarded_extract(Slow(), "slow", np.zeros((8, 8, 3), np.uint8)) and None)
    before = signal.signal(signal.SIGTERM, _end)
    try:
        with pytest.raises(SystemExit) as ended:
            app(["find"])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.value.code == 128 + signal.SIGTERM
    assert capsys.readouterr().err == "Interrupted.\n"
