"""`mien audit`, as a user meets it."""

import json
import shutil
from pathlib import Path

import numpy as np

from mien.media.images import read_image, write_image

FACE = Path(__file__).resolve().parents[2] / "tests" / "data" / "images" / "formats" / "rgb.png"
NO_FACE = FACE.parents[1] / "noface" / "rocket.jpg"
FAST = ("--extractor", "blazeface")


def test_a_face_that_is_still_there_is_told_and_exits_with_three(mien, tmp_path):
    run = mien("audit", FACE, FACE, *FAST, "--out", tmp_path / "report")
    assert run.exit_code == 3, run.stderr
    assert f"Leaks: {FACE}." in run.stdout and f"Page: {tmp_path / 'report' / 'index.html'}" in run.stdout
    figures = dict(line.split(":", 1) for line in run.stdout.splitlines() if ":" in line)
    assert figures["TAR at FAR 0.1 %"].strip() == "not told: one person alone"
    assert figures["Still recognized, sface"].strip() == "1 of 1, nearest 0.00"
    assert (tmp_path / "report" / "audit.json").exists()
    allowed = mien("audit", FACE, FACE, *FAST, "--max-leaks", "1", "--json")
    assert allowed.exit_code == 0 and len(json.loads(allowed.stdout)["leaks"]) == 1


def test_nobody_is_left_in_an_image_that_is_hidden(mien, tmp_path):
    write_image(tmp_path / "out.png", np.full_like(read_image(FACE), 120), synthetic=None)
    run = mien("audit", FACE, tmp_path / "out.png", *FAST)
    assert run.exit_code == 0, run.stdout
    assert "Leaks:" not in run.stdout
    assert all(line.split(": ")[1].strip().startswith("0 of 1") for line in run.stdout.splitlines() if "Still" in line)


def test_a_forgotten_original_is_named_and_exits_with_three(mien, tmp_path):
    before, after = tmp_path / "before", tmp_path / "after"
    for folder in (before, after):
        folder.mkdir()
    (after / "linked").symlink_to(before)
    for name in ("a.png", "b.png"):
        shutil.copy(FACE, before / name)
        write_image(after / name, np.full_like(read_image(FACE), 120), synthetic=None)
    assert mien("audit", before, after, *FAST).exit_code == 0
    shutil.copy(NO_FACE, after / "title.jpg")
    empty = mien("audit", before, after, *FAST)
    assert empty.exit_code == 0 and f"No original: {after / 'title.jpg'} shows no face." in empty.stdout
    assert f"Passed over: 1 folder is only linked to, and was not looked into: {after / 'linked'}." in empty.stdout
    shutil.copy(FACE, after / "forgotten.png")
    run = mien("audit", before, after, *FAST, "--max-leaks", "5")
    assert run.exit_code == 3
    assert f"No original: {after / 'forgotten.png'} shows 1 face: there is no original to compare it" in run.stdout
    (after / "forgotten.png").rename(after / "forgotten.dng")
    assert mien("audit", before, after, *FAST).exit_code == 1


def test_what_was_found_is_printed_if_it_cannot_be_written(mien, tmp_path, small_files):
    run = mien("audit", FACE, FACE, *FAST, "--out", tmp_path / "report")
    assert run.exit_code == 2 and f"Leaks: {FACE}." in run.stdout and "cannot be written" in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_told(mien, tmp_path):
    run = mien("audit", FACE, tmp_path / "none.png")
    assert run.exit_code == 2 and "There is no file or folder" in run.stderr
