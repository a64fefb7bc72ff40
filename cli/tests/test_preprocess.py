"""`mien preprocess`: a summary that adds up, the files that could not be used, and going on."""

import shutil
from pathlib import Path

import pytest

from mien.dataset import Dataset

IMAGES = Path(__file__).resolve().parents[2] / "tests" / "data" / "images"


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    for name in ("formats/rgb_q90.jpg", "noface/rocket.jpg", "formats/truncated.jpg", "formats/text_named.jpg"):
        shutil.copy(IMAGES / name, folder)
    return folder


def summary(run) -> dict[str, str]:
    lines = run.stdout.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.split()[:1] == ["Read"]]
    headings = [heading.strip() for heading in lines[at].split("   ") if heading.strip()]
    return dict(zip(headings, lines[at + 2].split(), strict=True))


def test_what_became_of_every_image_is_told(mien, tmp_path, raw):
    shutil.copytree(raw, tmp_path / "anna" / "raw")

    run = mien("preprocess", tmp_path / "anna", "--workers", 1)
    assert run.exit_code == 0, run.stderr
    told = summary(run)
    counts = {heading: int(told[heading]) for heading in ("Faces", "No face", "Not kept", "Unreadable", "Failed")}
    assert counts == {"Faces": 1, "No face": 1, "Not kept": 0, "Unreadable": 2, "Failed": 0}
    assert float(told["Images/s"]) > 0
    for name in ("truncated.jpg", "text_named.jpg"):
        (line,) = [line for line in run.stdout.splitlines() if name in line]
        assert line.startswith("Unreadable: ")
    assert "faces/index.parquet, column dropped" in run.stdout
    assert "faces: 4 in " in run.stderr

    later = mien("preprocess", tmp_path / "anna", "--workers", 1)
    assert later.exit_code == 0, later.stderr
    assert "up to date" in later.stderr
    assert "Time" not in summary(later)


def test_its_options_reach_the_dataset(mien, tmp_path, raw):
    run = mien(
        *("preprocess", tmp_path / "anna", "--from", raw / "rgb_q90.jpg", "--from", raw / "rocket.jpg"),
        *("--extractor", "face_recognition:upsample=0", "--features", "landmarks:points=5+thumbnail:size=4"),
        *("--alignment", "size=32,margin=0.2", "--largest", "--no-images", "--workers", 1),
    )
    assert run.exit_code == 0, run.stderr
    info = Dataset.open(tmp_path / "anna").info
    assert "upsample=0" in info.extractor
    assert [feature.choice for feature in info.features] == ["landmarks:points=5", "thumbnail:size=4"]
    assert (info.alignment.size, info.alignment.margin) == (32, 0.2)
    assert (info.largest, info.images) == (True, False)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--alignment", "size=1025"], "size = '1025'"),
        (["--masker", "hul"], "Did you mean 'hull'?"),
        (["--features", "landmark"], "Did you mean 'landmarks'?"),
        (["--extractor", "face_recognition:upsampl=0"], "Did you mean 'upsample'?"),
        (["--from", "nowhere.jpg"], "nowhere.jpg"),
        (["--keep-person", "nobody.jpg"], "nobody.jpg"),
        (["--keep-person", "nobody.jpg", "--recognizer", "encodin"], "Did you mean 'encoding'?"),
        (["--recognizer", "encoding"], "Nothing is asked for"),
    ],
)
def test_what_cannot_be_meant_is_told_before_any_work(mien, tmp_path, raw, options, part):
    run = mien("preprocess", tmp_path / "anna", "--from", raw, *options)
    assert run.exit_code == 2
    assert part in run.stderr
    assert run.stderr.splitlines()[1].startswith("Try: ")


def test_a_number_of_workers_below_one_is_refused(mien, tmp_path):
    assert mien("preprocess", tmp_path, "--workers", 0).exit_code == 2


def test_from_takes_what_a_shell_makes_of_a_pattern(mien, tmp_path, raw):
    sources = sorted(path for path in raw.iterdir() if path.is_file())[:2]
    result = mien("preprocess", tmp_path / "shell", "--from", *sources, "--no-copies")
    assert result.exit_code == 0, result.output
    assert Dataset.open(tmp_path / "shell").info.counts.read == 2
    result = mien("preprocess", tmp_path / "shell", sources[0])
    assert result.exit_code == 2 and "--from" in result.output
