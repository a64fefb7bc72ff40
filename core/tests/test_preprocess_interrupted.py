"""Preprocessing that was killed or stopped goes on, and two runs at once do not disturb each other."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest

from mien import MienError
from mien.dataset import Dataset

from .preprocessing import Listener, contents, nothing_is_left, with_corner, write
from .sources import DATA


def test_a_killed_worker_is_told_with_what_it_worked_on_and_the_next_run_goes_on(
    third_party: Any, frames: list[Any], tmp_path: Path
) -> None:
    dataset, fuse = tmp_path / "E", tmp_path / "fuse"
    for number in range(40):
        write(dataset / "raw" / f"{number:02d}.png", with_corner(frames[number % 8], (0, 255 * (number == 35), 0)))
    fuse.touch()
    extractor = f"template:fuse={fuse}"
    with pytest.raises(MienError, match=r"killed by signal 9.*8 images from 32\.png to 39\.png") as caught:
        third_party.preprocess(dataset, extractor=extractor)
    assert "what is done is kept" in caught.value.fix
    listener = Listener()
    report = third_party.preprocess(dataset, extractor=extractor, progress=listener)
    assert report.faces == 40
    assert report.images_done == 8
    assert "32 of 40" in listener.said[0]


def run_in_a_process(third_party: Any, dataset: Path, extractor: str) -> "subprocess.CompletedProcess[str]":
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from importlib.metadata import EntryPoint\n"
        "from pathlib import Path\n"
        "from mien import PreprocessOptions, Registry\n"
        "from mien.dataset.preprocess import preprocess\n"
        "registry = Registry([EntryPoint('third_party', 'third_party', 'mien')])\n"
        "options = PreprocessOptions(extractor=sys.argv[3], features='tint', workers=1)\n"
        "preprocess(Path(sys.argv[2]), options=options, registry=registry)\n"
    )
    command = [sys.executable, "-c", code, str(DATA.parent / "plugins"), str(dataset), extractor]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_killed_in_the_middle_it_continues_and_the_result_is_that_of_one_run(
    third_party: Any, frames: list[Any], tmp_path: Path
) -> None:
    dataset, fuse = tmp_path / "E", tmp_path / "fuse-for-the-parent"
    for number in range(40):
        write(dataset / "raw" / f"{number:02d}.png", with_corner(frames[number % 8], (0, 255 * (number == 37), 0)))
    fuse.touch()
    extractor = f"template:fuse={fuse}"
    assert run_in_a_process(third_party, dataset, extractor).returncode == -signal.SIGKILL
    with pytest.raises(MienError, match="not been finished"):
        Dataset.open(dataset)
    half_written = dataset / "faces" / ".work" / f".{'0' * 32}.partial-1"
    half_written.mkdir()
    report = third_party.preprocess(dataset, extractor=extractor)
    assert report.images_done in (0, 8)  # the worker that has killed its parent may end its chunk before it sees that
    assert nothing_is_left(dataset)
    shutil.copytree(dataset / "raw", tmp_path / "new" / "raw")
    third_party.preprocess(tmp_path / "new", extractor=extractor)
    assert contents(dataset) == contents(tmp_path / "new")


def test_an_update_killed_in_the_middle_leaves_the_old_dataset(
    third_party: Any, frames: list[Any], tmp_path: Path
) -> None:
    dataset, fuse = tmp_path / "E", tmp_path / "fuse-for-the-parent"
    extractor = f"template:fuse={fuse}"
    write(dataset / "raw" / "0.png", frames[0])
    third_party.preprocess(dataset, extractor=extractor)
    before = contents(dataset)
    write(dataset / "raw" / "1.png", with_corner(frames[1], (0, 255, 0)))
    fuse.touch()
    assert run_in_a_process(third_party, dataset, extractor).returncode == -signal.SIGKILL
    assert contents(dataset) == before
    assert third_party.preprocess(dataset, extractor=extractor).faces == 2


def test_a_merge_that_was_stopped_is_begun_anew(third_party: Any, dataset: Path, frames: list[Any]) -> None:
    write(dataset / "raw" / "new.png", frames[0])
    left = dataset / ".faces.new" / "arrays"
    left.mkdir(parents=True)
    (left / "images128.npy").write_bytes(b"half of it")
    assert third_party.preprocess(dataset).faces == 10
    assert nothing_is_left(dataset)


@pytest.mark.parametrize("change", [{}, {"features": "surroundings"}, {"again": True}], ids=str)
def test_an_exchange_that_was_stopped_halfway_is_finished(
    third_party: Any, dataset: Path, finished: Path, change: dict[str, Any]
) -> None:
    """Stopped between its two renames: the old faces stand aside, the new ones are whole and not in place yet."""
    shutil.copytree(dataset / "faces", dataset / ".faces.old")
    (dataset / "faces").rename(dataset / ".faces.new")
    shutil.rmtree(dataset / "raw")
    if change.get("again"):
        with pytest.raises(MienError, match="nothing to preprocess"):
            third_party.preprocess(dataset, **change)
    elif change:
        with pytest.raises(MienError, match=r"\.png"):  # it needs the images, and they are gone
            third_party.preprocess(dataset, **change)
    else:
        assert third_party.preprocess(dataset).faces == 9
    assert contents(dataset)["arrays"] == contents(finished)["arrays"]
    assert not (dataset / ".faces.new").exists()
    assert not (dataset / ".faces.old").exists()


def test_an_exchange_whose_new_faces_are_not_whole_gives_the_old_ones(
    third_party: Any, dataset: Path, finished: Path
) -> None:
    (dataset / "faces").rename(dataset / ".faces.old")
    (dataset / ".faces.new" / "arrays").mkdir(parents=True)
    assert third_party.preprocess(dataset).up_to_date
    assert contents(dataset) == contents(finished)
    assert nothing_is_left(dataset)


def test_what_another_run_holds_is_not_even_looked_at(third_party: Any, dataset: Path, frames: list[Any]) -> None:
    """Whoever looked before holding the dataset would go on with what it was before the other run finished."""

    class Meanwhile(Listener):
        def start(self, what: str, total: int | None) -> None:
            super().start(what, total)
            info = dataset / "faces" / "dataset.json"
            text = info.read_text()
            info.write_text("damaged")
            with pytest.raises(MienError, match="another run"):
                third_party.preprocess(dataset, keep_person=dataset / "nobody.png")
            info.write_text(text)

    write(dataset / "raw" / "new.png", frames[0])
    assert third_party.preprocess(dataset, progress=Meanwhile()).faces == 10


def test_ctrl_c_ends_the_workers_and_keeps_what_is_done(third_party: Any, frames: list[Any], tmp_path: Path) -> None:
    """The last images are large: a worker is not through with them when it is told to end."""
    for number in range(40):
        frame = frames[number % 8] if number < 36 else cv2.resize(frames[number % 8], None, fx=10, fy=10)
        write(tmp_path / "raw" / f"{number:02d}.png", frame)

    class Impatient(Listener):
        def advance(self, steps: int = 1, **figures: float | str) -> None:
            super().advance(steps, **figures)
            if self.tracklets[-1][2] == 36:
                raise KeyboardInterrupt

    listener = Impatient()
    with pytest.raises(KeyboardInterrupt):
        third_party.preprocess(tmp_path, progress=listener)
    assert "the same command goes on" in listener.said[-1]
    # On a busy machine the workers may have been through with the last ones before they were told.
    assert third_party.preprocess(tmp_path).images_done <= 8


def test_two_runs_at_once_are_refused(third_party: Any, dataset: Path, frames: list[Any]) -> None:
    class Twice(Listener):
        def start(self, what: str, total: int | None) -> None:
            super().start(what, total)
            with pytest.raises(MienError, match="another run"):
                third_party.preprocess(dataset)

    write(dataset / "raw" / "new.png", frames[0])
    listener = Twice()
    assert third_party.preprocess(dataset, progress=listener).faces == 10
    assert listener.tracklets
