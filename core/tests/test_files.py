"""Files and folders appear whole or not at all, and what stood there before stays until then."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mien.errors import MienError
from mien.media.files import (
    check_file,
    check_folder,
    fitting,
    parts_folder,
    remove_leftovers,
    temporary,
    whole_entries,
    whole_file,
    whole_folder,
)


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


def test_entries_take_their_places_and_others_stay(old_folder):
    (old_folder / "steps").mkdir()
    (old_folder / "steps" / "1").touch()
    with whole_entries(old_folder) as partial:
        (partial / "weights").write_text("new")
        (partial / "steps").mkdir()
        (partial / "steps" / "2").touch()
        assert (old_folder / "weights").read_text() == "old"
    (old_folder / "other").touch()
    with whole_entries(old_folder) as partial:
        (partial / "more").touch()
    assert names(old_folder) == ["more", "other", "steps", "weights"]
    assert names(old_folder / "steps") == ["2"] and (old_folder / "weights").read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_no_entry_and_no_folder(old_folder, error):
    for folder in (old_folder, old_folder / "new" / "below"):
        with pytest.raises(error), whole_entries(folder) as partial:
            (partial / "weights").write_text("half")
            raise error
    assert names(old_folder) == ["weights"] and (old_folder / "weights").read_text() == "old"


def test_entries_replace_what_is_like_them_alone(old_folder):
    with (
        pytest.raises(MienError, match=r"checkpoint cannot be written: Not a directory"),
        whole_entries(old_folder) as partial,
    ):
        (partial / "a").touch()
        (partial / "weights").mkdir()
    assert names(old_folder) == ["weights"]


def test_where_nothing_can_be_written_is_known_before(old_folder):
    check_folder(old_folder)
    check_folder(old_folder / "a" / "b")
    check_file(old_folder / "a" / "b.json")
    check_file(old_folder / "weights")
    for check, path in ((check_folder, old_folder / "weights"), (check_file, old_folder / "weights" / "b.json")):
        with pytest.raises(MienError, match="weights is a file, not a folder to write to"):
            check(path)
    with pytest.raises(MienError, match="checkpoint is a folder, not a file to write"):
        check_file(old_folder)
    assert names(old_folder) == ["weights"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a file system of Linux")
def test_a_file_system_that_takes_no_files_is_told():
    with pytest.raises(MienError, match=r"/proc/report cannot be written"):
        check_folder(Path("/proc/report"))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_folder_and_nothing_else(old_folder, error):
    with pytest.raises(error), whole_folder(old_folder) as partial:
        (partial / "weights").write_text("half")
        raise error
    assert (old_folder / "weights").read_text() == "old"
    assert names(old_folder.parent) == ["checkpoint"]


def test_what_a_killed_process_of_the_same_number_left_is_not_believed(tmp_path):
    with whole_folder(tmp_path / "run") as own:
        left = own
    left.mkdir()
    (left / "half").write_text("half")
    with whole_folder(tmp_path / "run") as partial:
        (partial / "whole").touch()
    assert names(tmp_path / "run") == ["whole"]


KILLED = """
import os, signal, sys
from contextlib import ExitStack
from pathlib import Path
from mien.anonymization.staged_output import StagedOutput
from mien.media.files import whole_file, whole_folder, temporary
target = Path(sys.argv[1])
with ExitStack() as stack:
    drafted = stack.enter_context(StagedOutput(target).draft(target))
    written = [drafted, stack.enter_context(whole_file(drafted)), stack.enter_context(whole_file(target))]
    written += [temporary(written[1], "signed"), drafted.with_name(drafted.name + ".c2pa")]
    for path in written:
        path.write_text("half")
    folder = stack.enter_context(whole_folder(target.with_name("run")))
    (folder / "half").write_text("half")
    if sys.argv[2] == "while exchanging":
        target.with_name("run").rename(folder.with_name(folder.name.replace("partial", "old")))
    print(*sorted(os.listdir(target.parent)), sep="\\n", flush=True)
    if sys.argv[2] == "waiting":
        sys.stdin.read()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def left_by(target: Path, how: str) -> list[str]:
    killed = subprocess.run([sys.executable, "-c", KILLED, target, how], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    return killed.stdout.split()


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    (tmp_path / ".own.partial-notes.txt").touch()
    left = left_by(tmp_path / "clip.mkv", "at once")
    assert len(set(left)) == 7 and names(tmp_path) == left
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [".own.partial-notes.txt"]
    remove_leftovers(tmp_path / "none")


def test_a_folder_that_was_being_replaced_is_put_back(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "weights").write_text("old")
    assert "run" not in left_by(tmp_path / "clip.mp4", "while exchanging")
    with whole_folder(tmp_path / "other"):
        pass
    assert names(tmp_path) == ["other", "run"]
    assert (tmp_path / "run" / "weights").read_text() == "old"


def test_what_a_process_is_at_work_on_stays(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, tmp_path / "clip.mp4", "waiting"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        left = [process.stdout.readline().strip() for _ in range(6)]
        remove_leftovers(tmp_path)
        assert names(tmp_path) == left
        process.kill()
    remove_leftovers(tmp_path)
    assert names(tmp_path) == []


def test_what_another_machine_or_a_later_process_of_that_number_wrote_is_told_apart(tmp_path, monkeypatch):
    own = temporary(tmp_path / "a.png", "partial")
    own.touch()
    parts = own.name.split("-")
    elsewhere = own.with_name(f"{parts[0]}-{'0' * 6}-1.png")
    elsewhere.touch()
    earlier = own.with_name(f".{'0' * 12}.partial-{parts[1]}-{os.getpid()}.png")
    earlier.touch()
    os.utime(earlier, (1e9, 1e9))  # long before this process, which has the number of the one that wrote it
    remove_leftovers(tmp_path)
    assert names(tmp_path) == sorted([own.name, elsewhere.name])


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


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_a_folder_of_parts_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Also one that an earlier version made."""
    folder = parts_folder(tmp_path / "new" / "out.mp4")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    assert parts_folder(tmp_path / "new" / "out.mp4") == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
