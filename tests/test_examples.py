"""The examples of docs/examples do what they say, as programs, on the images and clips of the tests."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien import Dataset
from mien.media.provenance import read_provenance
from mien.training.run import RunRecord

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLES = REPOSITORY / "docs" / "examples"
IMAGES = REPOSITORY / "tests" / "data" / "images"
CELL_PX, GAP_PX, HEAD_PX = 128, 3, 22
"""Of the grid that a model's images are written in."""


def run(example: str, *arguments: str | Path, cwd: Path, fails: bool = False) -> str:
    """What an example prints; on stderr, if it has to fail."""
    command = [sys.executable, EXAMPLES / f"{example}.py", *arguments]
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True)
    assert done.returncode == fails, f"{done.stdout}\n{done.stderr}"
    return done.stderr if fails else done.stdout


@pytest.mark.long
def test_two_feature_sets_are_compared(people, tmp_path):
    anna = shutil.copytree(people[0], tmp_path / "anna")  # which has the points, but no thumbnail yet
    sets = ("landmarks:points=5", "thumbnail:size=4")
    told = run("compare_feature_sets", "anna", *sets, "--steps", "3", "--faces", "4", "--out", "sets", cwd=tmp_path)
    rows = {row.split("│")[1].strip(): row.split("│")[2:-1] for row in told.splitlines() if row.startswith("│")}
    assert list(rows)[:2] == [f"set-{number}: {features}" for number, features in enumerate(sets, 1)]
    assert {"mean face", "nearest training face"} <= set(rows)
    for name, features in zip(("set-1", "set-2"), sets, strict=True):
        record = RunRecord.read(tmp_path / "sets" / name)
        assert (record.model, record.features, record.options.steps) == ("latent", features, 3)
        assert (tmp_path / "sets" / name / "model.safetensors").is_file()
        assert 0 < float(rows[f"{name}: {features}"][1]) < 1  # after three steps nobody finds a face in it
    assert rows["mean face"][0].strip() == "100%"
    assert Dataset.open(anna).feature("thumbnail-size=4").shape[1:] == (4, 4, 3)
    assert (tmp_path / "sets" / "index.html").is_file()


@pytest.mark.long
def test_a_loop_of_ones_own_learns_one_person_from_features(people, tmp_path):
    chosen = ("--model", "latent:preset=small", "--features", "landmarks:points=5")
    told = run("own_loop", people[0], *chosen, "--steps", "20", cwd=tmp_path)
    first, last = (float(loss) for loss in re.findall(r"^step \d+, main: loss (\S+)$", told, re.MULTILINE))
    assert last < 0.7 * first
    assert read_provenance(tmp_path / "drawn.png") is not None


@pytest.mark.long
def test_a_loop_of_ones_own_draws_each_of_two_people_as_both(people, tmp_path):
    run("own_loop", *people, "--steps", "2", "--out", "both.png", cwd=tmp_path)
    with Image.open(tmp_path / "both.png") as image:
        sheet = np.asarray(image.convert("RGB")).astype(int)
    columns, rows = 3, 6  # the face, as E, as J; three faces of each
    assert sheet.shape[0] == HEAD_PX + rows * (CELL_PX + GAP_PX)
    left = sheet.shape[1] - columns * (CELL_PX + GAP_PX)
    grid = sheet[HEAD_PX:, left:].reshape(rows, CELL_PX + GAP_PX, columns, CELL_PX + GAP_PX, 3)
    face, as_e, as_j = (grid[:, :CELL_PX, column, :CELL_PX] for column in range(columns))
    for one, other in ((face, as_e), (face, as_j), (as_e, as_j)):
        assert (np.abs(one - other).mean((1, 2, 3)) > 1).all()


def test_an_extractor_alone_finds_faces_and_cuts_them_out(tmp_path):
    portrait, nobody = IMAGES / "stills" / "grace_hopper.jpg", IMAGES / "noface" / "rocket.jpg"
    told = run("one_extractor", portrait, nobody, portrait, cwd=tmp_path)
    assert [int(found) for found in re.findall(r"faces found: (\d+)", told)] == [1, 0, 1]
    assert sorted(path.name for path in (tmp_path / "faces").iterdir()) == ["grace_hopper-1.png", "grace_hopper-2.png"]
    box, score = re.findall(r"box ([-\d, ]+), score (\S+)", told)[0]
    left, top, right, bottom = (int(side) for side in box.split(","))
    with Image.open(portrait) as image:
        assert 0 <= left < right <= image.width and 0 <= top < bottom <= image.height
    assert float(score) > 0
    with Image.open(tmp_path / "faces" / "grace_hopper-1.png") as crop:
        pixels = np.asarray(crop)
    assert pixels.shape == (128, 128, 3)
    assert pixels[0, 0].any() and pixels[64, 64].any()  # whole: what is around the face is there
    assert read_provenance(tmp_path / "faces" / "grace_hopper-1.png") is None  # it is a photograph


def test_an_image_that_cannot_be_read_is_told_and_ends_no_others(tmp_path):
    (tmp_path / "damaged.jpg").write_bytes(b"no image")
    portrait = IMAGES / "stills" / "grace_hopper.jpg"
    told = run("one_extractor", "damaged.jpg", portrait, "--out", "cut", cwd=tmp_path, fails=True)
    assert "damaged.jpg cannot be read" in told
    assert (tmp_path / "cut" / "grace_hopper-1.png").is_file()


@pytest.mark.parametrize("example", sorted(path.stem for path in EXAMPLES.glob("*.py")))
def test_the_command_in_an_example_is_understood(example, tmp_path):
    source = (EXAMPLES / f"{example}.py").read_text(encoding="utf-8")
    ((program, arguments),) = re.findall(r"^    python (\S+) (.*)$", source, re.MULTILINE)
    assert program == f"{example}.py"
    # There are no such people here; what has to be right is the command, and what is said of them.
    told = run(example, *shlex.split(arguments), cwd=tmp_path, fails=True)
    assert re.search("There is no image photo.jpg|dataset anna does not exist|anna.raw", told), told
    assert "Traceback" not in told
