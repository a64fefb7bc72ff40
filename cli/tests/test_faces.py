"""`mien faces`, as a user meets it."""

import json
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "tests" / "data" / "images"
FACE, NO_FACE, CUT_OFF = (
    DATA / "formats" / "rgb.png",
    DATA / "noface" / "rocket.jpg",
    DATA / "formats" / "truncated.jpg",
)
FAST = ("--extractor", "blazeface")


def test_the_document_goes_to_stdout_and_nothing_else(mien):
    run = mien("faces", FACE, NO_FACE, *FAST)
    assert run.exit_code == 0, run.stderr
    document = json.loads(run.stdout)
    assert [len(file["frames"][0]["faces"]) for file in document["files"]] == [1, 0]
    assert document["files"][0]["frames"][0]["faces"][0]["person"] == 0


def test_a_file_that_fails_is_told_and_the_others_are_written(mien, tmp_path):
    out = tmp_path / "faces.json"
    run = mien("faces", FACE, CUT_OFF, *FAST, "--out", out, "--no-identities")
    assert run.exit_code == 1 and "Failed: " in run.stderr
    assert len(json.loads(out.read_text())["files"]) == 2
    again = mien("faces", FACE, *FAST, "--out", out)
    assert again.exit_code == 2 and "--overwrite" in again.stderr
    assert mien("faces", FACE, *FAST, "--out", out, "--overwrite").exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faces.json"]


def test_what_is_missing_is_told(mien, tmp_path):
    run = mien("faces", tmp_path / "none.png")
    assert run.exit_code == 2 and "There is no file or folder" in run.stderr
