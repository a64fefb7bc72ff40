"""The demo as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

import av
import pytest

from mien.media.provenance import read_provenance


def demo(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mien_cli", "demo", *arguments], cwd=cwd, capture_output=True, text=True
    )


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear diary")
    ended = demo("--out", "mine", cwd=tmp_path)
    assert ended.returncode == 2
    assert "diary.txt" in ended.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["diary.txt"]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_it_is_the_person_and_mouth_and_eyes_follow(tmp_path: Path) -> None:
    ended = demo(cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    out = tmp_path / "demo-out"
    report = json.loads((out / "report.json").read_text())
    (verdict,) = report["comparison"]["faces"]
    whose = verdict["identity"]["encoding"]
    assert report["still_match"] == 0 < report["compared"]
    assert whose["nearer_to_reference"] >= 0.9
    assert whose["to_reference"] < 0.6 < whose["to_original"]
    assert verdict["follows"]["mouth_opening"] > 0.95
    assert verdict["follows"]["mouth_width"] > 0.95
    assert verdict["follows"]["eye_opening"] > 0.7
    assert verdict["motion"]["lid_closure"] > 0.8
    for figure in ("nearer to E", "distance to E", "mouth opening follows", "faces found"):
        assert figure in ended.stdout
    with av.open(str(out / "swapped.mp4")) as video:
        assert len(video.streams.audio) == 1
    for made in ("swapped.mp4", "anonymous.mp4", "contact_sheet.png"):
        assert read_provenance(out / made) is not None, f"{made} has to say that it is synthetic"


@pytest.mark.long
@pytest.mark.timeout(900)
def test_another_model_draws_when_it_is_named(tmp_path: Path) -> None:
    ended = demo("--model", "latent:preset=small", "--minutes", "0.2", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    report = json.loads((tmp_path / "demo-out" / "report.json").read_text())
    assert report["model"] == "latent:preset=small" and report["steps"] > 0
