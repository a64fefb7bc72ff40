"""What a user's folders hold."""

import os
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from mien.errors import MienError
from mien.media.discovery import Source, find_sources, linked_folders, passed_over
from mien.media.image_formats import open_image
from mien.media.images import read_image
from mien.media.video_reader import VideoSource

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


def test_jpegs_one_after_the_other_are_a_video(tmp_path: Path) -> None:
    stream = write(tmp_path / "camera.mjpeg", JPEG * 3)
    (found,) = find_sources([stream])
    assert found.kind == "video"
    assert len(list(VideoSource(stream).frames())) == 3


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
    (found,) = find_sources([tmp_path])
    assert (found.path, found.kind) == (raw, "unreadable")
    assert "convert" in found.reason


@pytest.mark.parametrize(("suffix", "written_as"), [(".mts", "mpegts"), (".ts", "mpegts"), (".m2v", "mpeg2video"),
                                                    (".tod", "mpeg"), (".h264", "h264"), (".y4m", "yuv4mpegpipe"),
                                                    (".ogg", "ogg"), (".dv", "dv")])  # fmt: skip
def test_what_ffmpeg_reads_is_a_video(suffix: str, written_as: str, tmp_path: Path) -> None:
    codecs = {
        "h264": "libx264",
        "mpegts": "libx264",
        "dv": "dvvideo",
        "ogg": "libvpx",
        "yuv4mpegpipe": "wrapped_avframe",
    }
    name = codecs.get(written_as, "mpeg2video")
    path = tmp_path / f"a{suffix}"
    with av.open(str(path), "w", format=written_as) as container:
        stream = container.add_stream(name, rate=25)
        stream.width, stream.height, stream.pix_fmt = 720, 576, "yuv420p"
        for number in range(12):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((576, 720, 3), 20 * number, np.uint8))))
        container.mux(stream.encode())
    (found,) = find_sources([tmp_path])
    assert (found.path, found.kind) == (path, "video")
    images = [frame.image.mean() for frame in VideoSource(path).frames()]
    assert images == pytest.approx([20 * number for number in range(12)], abs=6)


@pytest.mark.parametrize("suffix", [".jp2", ".tga", ".ico", ".heic", ".avif", ".pcx", ".qoi", ".gif"])
def test_what_pillow_reads_is_an_image(suffix: str, tmp_path: Path) -> None:
    open_image(DATA / "images" / "stills" / "grace_hopper.jpg")  # so that HEIF is known
    shown = np.full((64, 64, 3), (200, 60, 30), np.uint8)
    Image.fromarray(shown).save(tmp_path / f"a{suffix}")
    (found,) = find_sources([tmp_path])
    assert found.kind == "image"
    assert np.abs(read_image(found.path).astype(int) - shown).max() < 12


def test_the_rest_of_a_folder_is_told(tmp_path: Path) -> None:
    texts = [write(tmp_path / name, b"some text") for name in ("a.txt", "b/index.ts", "c.ogg")]
    write(tmp_path / ".hidden.txt", b"")
    write(tmp_path / "d.jpg", JPEG)
    write(tmp_path / "e.m4a", b"\0\0\0\x18ftypM4A ")
    assert passed_over(tmp_path) == [*texts[:1], texts[1], texts[2], tmp_path / "e.m4a"]


def test_links_to_folders_are_told_where_they_are_not_looked_into(tmp_path: Path) -> None:
    image = write(tmp_path / "album" / "a.jpg", JPEG)
    write(tmp_path / "elsewhere" / "b.jpg", JPEG)
    (tmp_path / "album" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "album" / ".hidden").symlink_to(tmp_path / "elsewhere")
    assert [source.path for source in find_sources([tmp_path / "album"])] == [image]
    assert passed_over(tmp_path / "album") == linked_folders(tmp_path / "album") == [tmp_path / "album" / "more"]
    (found,) = find_sources([tmp_path / "album" / "more"])
    assert found.path.name == "b.jpg"


def test_of_a_folder_pipes_and_links_to_nowhere_are_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere.txt")
    assert passed_over(tmp_path) == [tmp_path / "gone.txt", tmp_path / "pipe.jpg"]
    (found,) = find_sources([tmp_path])
    assert (found.path, found.kind) == (tmp_path / "gone.jpg", "unreadable")
    assert found.reason == "it cannot be opened: No such file or directory"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (found,) = find_sources([tmp_path / "pipe.mp4"])
    assert (found.kind, found.reason) == ("unreadable", "it is no file, but a pipe or a device")
    assert find_sources([tmp_path]) == []
    for read in (VideoSource, read_image):
        with pytest.raises(MienError, match="no file, but a folder, a pipe or a device"):
            read(tmp_path / "pipe.mp4")


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
