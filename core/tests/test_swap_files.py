"""Swapping the files of a folder, and what is refused so that nothing is lost."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mien import SessionOptions, anonymize, swap
from mien.errors import MienError
from mien.media.images import read_image, write_image
from mien.media.provenance import read_provenance
from mien.media.video_reader import VideoSource

from .interrupting import no_threads_left
from .sources import DATA, NO_FACE, STILL, J, blinded, pictures
from .swapping import Mirror, greenness


def test_a_folder_is_mirrored_and_one_bad_file_ends_nothing(mirror: Mirror, tmp_path: Path) -> None:
    album = tmp_path / "album"
    (album / "deep" / "er").mkdir(parents=True)
    shutil.copyfile(STILL, album / "deep" / "er" / "a.jpg")
    shutil.copyfile(NO_FACE, album / "rocket.jpg")
    shutil.copyfile(DATA / "images" / "formats" / "truncated.jpg", album / "bad.jpg")
    shutil.copyfile(DATA / "clips" / "truncated_faststart.mp4", album / "bad.mp4")
    shutil.copyfile(DATA / "clips" / "single_frame.mp4", album / "clip.mp4")
    Image.open(STILL).convert("P").save(album / "old.gif")
    (album / "notes.txt").write_text("not for swapping")
    (album / "shot.cr2").write_bytes(b"II*\0")
    report = mirror.swap(album, tmp_path / "out")
    written = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert written == ["clip.mp4", "deep/er/a.jpg", "old.gif.png", "rocket.jpg"]
    assert {path.name for path in report.failures} == {"bad.jpg", "bad.mp4", "shot.cr2"}
    assert "cut off" in report.failures[album / "bad.mp4"] and "truncated" in report.failures[album / "bad.jpg"]
    assert (report.frames, report.faces, report.frames_no_face) == (4, 3, 1)
    assert (tmp_path / "out" / "rocket.jpg").read_bytes() == NO_FACE.read_bytes()
    for name in ("clip.mp4", "deep/er/a.jpg", "old.gif.png"):
        assert read_provenance(tmp_path / "out" / name) is not None
    with pytest.raises(MienError, match="would be overwritten"):
        mirror.swap(album, tmp_path / "out")


@pytest.mark.parametrize(("suffix", "interpolated"), [(".tif", 0), (".png", 1)])
def test_a_face_is_followed_over_frames_and_not_over_pages(
    mirror: Mirror, tmp_path: Path, suffix: str, interpolated: int
) -> None:
    images = [blinded([1])(frame) for frame in VideoSource(J).frames(0, 3)]
    (file,) = mirror.swap(pictures(tmp_path / f"in{suffix}", images), tmp_path / f"out{suffix}").files
    assert (file.interpolated, file.frames_no_face, file.partial) == (interpolated, 1 - interpolated, ())


@pytest.mark.parametrize("overwrite", [False, True])
def test_two_files_that_would_become_one_are_refused(mirror: Mirror, tmp_path: Path, overwrite: bool) -> None:
    album = tmp_path / "album"
    album.mkdir()
    Image.open(STILL).convert("P").save(album / "a.gif")
    write_image(album / "a.gif.png", read_image(STILL), synthetic=None)
    with pytest.raises(MienError, match=r"album/a\.gif and .*album/a\.gif\.png would both become .*out/a\.gif\.png"):
        mirror.swap(album, tmp_path / "out", overwrite=overwrite)
    assert list(tmp_path.iterdir()) == [album]


def test_one_file_never_ends_a_folder(mirror: Mirror, tmp_path: Path) -> None:
    """Names as long as they may be or of bytes that are no text, and files that fail in every way."""
    album, out = tmp_path / "album", tmp_path / "out"
    album.mkdir()
    names = ["n" * 251 + ".jpg", "ж" * 125 + ".png", "12:30.jpg", os.fsdecode(b"caf\xe9.jpg"), "b" * 251 + ".gif"]
    for name in names:
        Image.open(STILL).save(album / name)
    shutil.copyfile(DATA / "clips" / "single_frame.mp4", album / ("v" * 251 + ".avi"))
    (album / "cut.jpg").write_bytes(STILL.read_bytes()[:900])
    (album / "cut.mkv").write_bytes(b"\x1a\x45\xdf\xa3 and no more")
    (album / "notes.txt").write_text("text")
    report = mirror.swap(album, out)
    assert {path.name for path in report.failures} == {"cut.jpg", "cut.mkv"}
    # Five images, the video and, beside it, its credentials.
    assert len(list(out.iterdir())) == 7 and not [path for path in out.iterdir() if path.name.startswith(".")]
    assert {names[0], names[1], names[2], names[3]} < {path.name for path in out.iterdir()}
    assert report.passed_over == (album / "notes.txt",)


def test_a_plugin_that_fails_on_an_image_fails_there_alone(mirror: Mirror, tmp_path: Path) -> None:
    album = tmp_path / "album"
    album.mkdir()
    for number in range(3):
        shutil.copyfile(STILL, album / f"{number}.jpg")
    report = mirror.swap(album, tmp_path / "out", blender="paste:breaks=yes")
    assert len(report.failures) == 3 and all("out of paste" in why for why in report.failures.values())
    assert list((tmp_path / "out").iterdir()) == [] and no_threads_left()


REFUSED = {
    "onto itself": ("still.jpg", "still.jpg", "place of the input"),
    "onto what is there": ("still.jpg", "there.png", "would be overwritten"),
    "into its own folder": ("album", "album/out", "inside of the input"),
    "a file to a folder": ("still.jpg", "album", "is a folder"),
    "a folder to a file": ("album", "there.png", "is a file"),
    "nothing": ("nowhere.jpg", "out.jpg", "no file or folder"),
    "a text": ("notes.txt", "out.jpg", "neither an image nor a video"),
    "an empty folder": ("empty", "out", "no image and no video"),
    "a video to an image": ("clip.mp4", "out.png", "not written as .png"),
    "an image to a video": ("still.jpg", "out.mp4", "not written as .mp4"),
    "to a format without a place for the mark": ("still.jpg", "out.bmp", "synthetic"),
    "a damaged video": ("cut.mp4", "out.mp4", "cut off"),
    "a damaged image": ("cut.jpg", "out.jpg", "truncated"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_lose_something_or_cannot_be_is_refused(mirror: Mirror, tmp_path: Path, case: str) -> None:
    for name, origin in (
        ("still.jpg", STILL),
        ("there.png", STILL),
        ("album/a.jpg", STILL),
        ("clip.mp4", DATA / "clips" / "single_frame.mp4"),
        ("cut.mp4", DATA / "clips" / "truncated_faststart.mp4"),
        ("cut.jpg", DATA / "images" / "formats" / "truncated.jpg"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(origin, tmp_path / name)
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / "empty").mkdir()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    source, output, reason = REFUSED[case]
    with pytest.raises(MienError, match=reason):
        mirror.swap(tmp_path / source, tmp_path / output, overwrite=case == "onto itself")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"to": "X"}, "knows no 'X'.*seen, green"),
        ({"blender": "glue"}, "No blender named 'glue'"),
        ({"blender": "paste:breaks=yes"}, "'paste:breaks=yes' of .* failed: ArithmeticError: out of paste"),
        ({"extractor": "eagle"}, "No extractor named 'eagle'"),
        ({"to": "nobody"}, "'mirror' .* not finite"),
        ({"device": "toaster"}, "no device 'toaster'"),
        ({"quality": 99}, "Quality 99"),
        ({"run": Path("no/such/run")}, "is not a run"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_an_error_ends_the_run_and_leaves_nothing(
    mirror: Mirror, tmp_path: Path, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(MienError, match=reason):
        mirror.swap(J, tmp_path / "out.mp4", **options)
    assert list(tmp_path.iterdir()) == [] and no_threads_left()


def test_overwriting_takes_the_place_of_the_old_file(mirror: Mirror, tmp_path: Path) -> None:
    shutil.copyfile(NO_FACE, tmp_path / "out.png")
    mirror.swap(STILL, tmp_path / "out.png", overwrite=True)
    assert greenness(read_image(tmp_path / "out.png")).mean() > 0.01


def test_a_reference_is_not_written_over(mirror: Mirror, tmp_path: Path) -> None:
    shutil.copyfile(STILL, tmp_path / "J.png")
    for reference in (tmp_path / "J.png", tmp_path):
        with pytest.raises(MienError, match="would take the place of a file"):
            swap("morph", STILL, tmp_path / "J.png", reference=[reference], options=SessionOptions(overwrite=True))
    with pytest.raises(MienError, match="would take the place of a file"):
        mirror.swap(STILL, tmp_path / "J.png", person=tmp_path / "J.png", overwrite=True)
    assert (tmp_path / "J.png").read_bytes() == STILL.read_bytes()


@pytest.mark.parametrize(
    ("source", "output", "said"),
    [
        (STILL, "nosuffix", "nosuffix: images are not written as a file without suffix"),
        (STILL, "a.mp4", "a.mp4: images are not written as .mp4"),
        (STILL, "a.bmp", "a.bmp: a .bmp has no place to say that it is synthetic"),
        (J, "a.png", "a.png: videos are not written as .png"),
    ],
)
def test_what_is_not_written_is_told_before_the_run_is_opened(
    tmp_path: Path, source: Path, output: str, said: str
) -> None:
    for call in (lambda out: swap("no such run", source, out), lambda out: anonymize(source, out, method="no such")):
        with pytest.raises(MienError, match=f"{said}.") as refused:
            call(tmp_path / output)
        assert "Use one of ." in refused.value.fix
    assert list(tmp_path.iterdir()) == []
