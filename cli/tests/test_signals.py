"""What is left when a command is ended from outside."""

import signal
import subprocess
import sys
import time
from pathlib import Path

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
