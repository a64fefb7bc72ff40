"""`mien faces`, as a user meets it."""

import json
import shutil
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


def test_where_nothing_can_be_written_is_told_before_anything_is_searched(mien, tmp_path):
    (tmp_path / "file").write_text("")
    run = mien("faces", FACE, "--extractor", "none", "--out", tmp_path / "file" / "faces.json")
    assert run.exit_code == 2 and "is a file, not a folder to write to" in run.stderr
    run = mien("faces", FACE, "--extractor", "none", "--out", tmp_path, "--overwrite")
    assert run.exit_code == 2 and f"{tmp_path} is a folder, not a file to write." in run.stderr


def test_what_of_a_folder_is_passed_over_is_told(mien, tmp_path):
    shutil.copy(NO_FACE, tmp_path)
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "linked").symlink_to(FACE.parent)
    run = mien("faces", tmp_path, *FAST, "--no-identities")
    assert len(json.loads(run.stdout)["files"]) == 1
    assert "Passed over: 1 file is neither an image nor a video: notes.txt." in run.stderr
    assert f"1 folder is only linked to, and was not looked into: {tmp_path / 'linked'}." in run.stderr


def test_what_is_missing_is_told(mien, tmp_path):
    run = mien("faces", tmp_path / "none.png")
    assert run.exit_code == 2 and "There is no file or folder" in run.stderr
