"""Files and folders appear whole or not at all, and what stood there before stays until then."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mien.errors import MienError
from mien.media.files import fitting, whole_file, whole_folder


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    path = tmp_path / "image.png"
    path.write_text("old")
    return path


@pytest.fixture
def old_folder(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint"
    path.mkdir()
    (path / "weights").write_text("old")
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_its_place_when_it_is_whole(old_file):
    with whole_file(old_file) as partial:
        partial.write_text("new")
        assert old_file.read_text() == "old"
    assert old_file.read_text() == "new"
    assert names(old_file.parent) == ["image.png"]


def test_what_is_written_to_meanwhile_is_beside_the_target_and_has_its_suffix(tmp_path):
    with whole_file(tmp_path / "clip.mp4") as partial:
        partial.touch()
        assert partial.parent == tmp_path
        assert partial.suffix == ".mp4"
        assert partial.name.startswith(".")


def test_the_folders_above_are_made(tmp_path):
    with whole_file(tmp_path / "a" / "b" / "x.txt") as partial:
        partial.write_text("x")
    with whole_folder(tmp_path / "c" / "d" / "run") as partial:
        (partial / "x.txt").write_text("x")
    assert (tmp_path / "a/b/x.txt").exists()
    assert (tmp_path / "c/d/run/x.txt").exists()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file_and_nothing_else(old_file, error):
    with pytest.raises(error), whole_file(old_file) as partial:
        partial.write_text("half")
        raise error
    assert old_file.read_text() == "old"
    assert names(old_file.parent) == ["image.png"]


def test_a_folder_takes_its_place_when_it_is_whole(old_folder):
    with whole_folder(old_folder) as partial:
        (partial / "other").write_text("new")
        assert names(old_folder) == ["weights"]
    assert names(old_folder) == ["other"]
    assert names(old_folder.parent) == ["checkpoint"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_folder_and_nothing_else(old_folder, error):
    with pytest.raises(error), whole_folder(old_folder) as partial:
        (partial / "weights").write_text("half")
        raise error
    assert (old_folder / "weights").read_text() == "old"
    assert names(old_folder.parent) == ["checkpoint"]


def test_what_a_killed_process_of_the_same_number_left_is_not_believed(tmp_path):
    left = tmp_path / f".run.partial-{os.getpid()}"
    left.mkdir()
    (left / "half").write_text("half")
    with whole_folder(tmp_path / "run") as partial:
        (partial / "whole").touch()
    assert names(tmp_path / "run") == ["whole"]


def test_a_file_in_place_of_a_folder_is_a_told_error(old_folder):
    with (
        pytest.raises(MienError, match="checkpoint cannot be written: Is a directory"),
        whole_file(old_folder) as partial,
    ):
        partial.write_text("x")
    assert names(old_folder) == ["weights"]


def test_a_folder_in_place_of_a_file_is_a_told_error(old_file):
    with pytest.raises(MienError, match=r"image\.png cannot be written: Not a directory"), whole_folder(old_file):
        pass
    assert old_file.read_text() == "old"
    assert names(old_file.parent) == ["image.png"]


def test_a_file_on_the_way_is_a_told_error(old_file):
    with (
        pytest.raises(MienError, match=r"x\.txt cannot be written: File exists: .*image\.png"),
        whole_file(old_file / "x.txt") as partial,
    ):
        partial.write_text("x")
    assert old_file.read_text() == "old"


def test_a_full_disk_is_told_and_leaves_the_old_file(tmp_path):
    """/dev/full refuses every write as a full disk does."""
    target = tmp_path / "x.bin"
    target.write_text("old")
    with pytest.raises(MienError, match="The disk is full") as caught, whole_file(target) as partial:
        os.symlink("/dev/full", partial)
        partial.write_bytes(b"x")
    assert str(target) in caught.value.message
    assert caught.value.fix == f"df -h {tmp_path}"
    assert target.read_text() == "old"
    assert names(tmp_path) == ["x.bin"]


def test_a_file_larger_than_is_allowed_is_told(tmp_path):
    code = f"""
import resource, signal
from pathlib import Path
from mien.errors import MienError
from mien.media.files import whole_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with whole_file(Path({str(tmp_path / "x.bin")!r})) as partial:
        partial.write_bytes(bytes(2000))
except MienError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "x.bin cannot be written: File too large" in run.stdout, run.stderr
    assert names(tmp_path) == []


@pytest.fixture
def locked() -> Iterator[Path]:
    """A folder that only root may write to."""
    with TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "x.txt").write_text("old")
        path.chmod(0o555)
        yield path
        path.chmod(0o755)


@pytest.mark.parametrize("write", ["whole_file", "whole_folder"])
@pytest.mark.parametrize("target", ["x.txt", "new/x.txt"])
def test_a_folder_that_may_not_be_written_is_told(locked, write, target):
    code = f"""
import os
from pathlib import Path
from mien.errors import MienError
from mien.media.files import {write}
if os.geteuid() == 0:
    os.setuid(65534)  # root may write anywhere
try:
    with {write}(Path({str(locked / target)!r})) as partial:
        partial.write_text("new")
except MienError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout == f"{locked / target} may not be written: Permission denied.\nls -ld {locked}\n", run.stderr
    assert names(locked) == ["x.txt"]


def test_a_folder_that_may_not_be_entered_is_told(locked):
    locked.chmod(0o000)
    code = f"""
import os
from pathlib import Path
from mien.errors import MienError
from mien.media.files import whole_file
if os.geteuid() == 0:
    os.setuid(65534)
try:
    with whole_file(Path({str(locked / "deeper" / "x.txt")!r})) as partial:
        partial.write_text("new")
except MienError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "x.txt may not be written: Permission denied." in run.stdout, run.stderr


@pytest.mark.parametrize("name", [b"n" * 251 + b".png", b"\xff\xe9 caf\xe9.png", "ж".encode() * 125 + b".png"])
def test_a_name_of_any_length_and_encoding_is_written(tmp_path, name):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    with whole_file(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new" and os.listdir(os.fsencode(tmp_path)) == [name]


def test_a_name_that_grows_too_long_is_shortened_and_stays_one_name():
    long = Path("n" * 250 + ".gif.png")
    short = fitting(long)
    assert len(short.name) <= 255 and short.suffix == ".png" and short == fitting(long)
    assert short != fitting(Path("n" * 251 + ".gif.png"))
    assert fitting(Path("a.gif.png")) == Path("a.gif.png")


def test_an_error_about_a_file_elsewhere_passes_as_it_is(tmp_path):
    source = tmp_path / "images" / "a.png"
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "out" / "x.bin") as partial:
        partial.write_bytes(source.read_bytes())
    with pytest.raises(IsADirectoryError), whole_file(tmp_path / "out" / "x.bin") as partial:
        partial.write_bytes(Path("/etc").read_bytes())
