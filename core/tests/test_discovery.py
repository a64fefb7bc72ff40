"""What a user's folders hold."""

from pathlib import Path

import pytest

from mien.errors import MienError
from mien.media.discovery import Source, find_sources

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
JPEG = (DATA / "images" / "formats" / "rgb_q90.jpg").read_bytes()
MP4 = (DATA / "clips" / "single_frame.mp4").read_bytes()


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_a_folder_is_walked_in_order_with_its_subfolders(tmp_path: Path) -> None:
    for name, data in (("b.jpg", JPEG), ("a/2.mp4", MP4), ("a/1.jpg", JPEG), ("c.PNG", JPEG)):
        write(tmp_path / name, data)
    found = [(source.path.relative_to(tmp_path).as_posix(), source.kind) for source in find_sources([tmp_path])]
    assert found == [("a/1.jpg", "image"), ("a/2.mp4", "video"), ("b.jpg", "image"), ("c.PNG", "image")]


def test_content_tells_more_than_the_suffix(tmp_path: Path) -> None:
    write(tmp_path / "film.jpg", MP4)
    write(tmp_path / "no suffix", JPEG)
    write(tmp_path / "photo.mp4", JPEG)
    assert [source.kind for source in find_sources([tmp_path])] == ["video", "image", "image"]


def test_hidden_and_other_files_are_passed_over_in_a_folder(tmp_path: Path) -> None:
    for name in (".hidden.jpg", ".git/a.jpg", "a/.b/c.jpg"):
        write(tmp_path / name, JPEG)
    for name in ("notes.txt", "index.ts", "sound.mp3", "data.npy", "empty"):
        write(tmp_path / name, b"" if name == "empty" else b"some text")
    assert find_sources([tmp_path]) == []


def test_a_damaged_file_is_still_what_its_name_says(tmp_path: Path) -> None:
    write(tmp_path / "a.jpg", b"")
    write(tmp_path / "b.mkv", b"text")
    assert [source.kind for source in find_sources([tmp_path])] == ["image", "video"]


def test_formats_that_are_not_read_are_told(tmp_path: Path) -> None:
    raw = write(tmp_path / "photo.CR2", b"II*\0")
    heic = write(tmp_path / "renamed.jpg", b"\0\0\0\x18ftypheic")
    found = find_sources([tmp_path])
    assert [(source.path, source.kind) for source in found] == [(raw, "unreadable"), (heic, "unreadable")]
    assert all("convert" in source.reason for source in found)


def test_a_file_that_is_named_itself_is_never_passed_over(tmp_path: Path) -> None:
    text = write(tmp_path / "notes.txt", b"text")
    hidden = write(tmp_path / ".hidden.jpg", JPEG)
    assert find_sources([text, hidden]) == [
        Source(text, "unreadable", "it is neither an image nor a video"),
        Source(hidden, "image"),
    ]


def test_a_file_reached_twice_counts_once(tmp_path: Path) -> None:
    image = write(tmp_path / "a" / "1.jpg", JPEG)
    assert find_sources([tmp_path, tmp_path / "a", image, tmp_path / "a" / ".." / "a" / "1.jpg"]) == [
        Source(image, "image")
    ]


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(MienError, match=r"There is no file or folder .*nowhere"):
        find_sources([tmp_path / "nowhere"])
