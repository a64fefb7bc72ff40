"""Animated images are read, drawn and written frame by frame; interlaced video is made whole before."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from mien.contracts.face import RgbImage
from mien.errors import MienError
from mien.media.animation import AnimationSource, open_sink, open_video
from mien.media.credentials import Signer, sidecar_of
from mien.media.discovery import find_sources
from mien.media.images import load_file
from mien.media.provenance import Provenance, read_provenance
from mien.media.verify import verify
from mien.media.video_reader import VideoSource

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
CASES = DATA / "cases"
MADE = Provenance("0.1.0", "faces drawn as E", "3fa2")
DURATIONS = [200, 50, 300, 100]


def animated(path: Path, **options: Any) -> Path:
    """Four gray levels, each shown for another time."""
    images = [Image.new("RGB", (48, 32), (60 * number, 60 * number, 60 * number)) for number in range(4)]
    images[0].save(path, save_all=True, append_images=images[1:], duration=DURATIONS, loop=0, **options)
    return path


def written_again(source: Path, target: Path, synthetic: Provenance | None = None) -> AnimationSource:
    video = open_video(source)
    with open_sink(target, video, synthetic=synthetic) as sink:
        for frame in video.frames():
            sink.write(frame.image, frame.pts, frame.duration)
    again = open_video(target)
    assert isinstance(again, AnimationSource)
    return again


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".avif"])
def test_every_frame_is_read_with_its_time(suffix: str, tmp_path: Path) -> None:
    path = animated(tmp_path / f"a{suffix}")
    (source,) = find_sources([path])
    assert source.kind == "video"
    video = open_video(path)
    frames = list(video.frames())
    assert [frame.image.mean() for frame in frames] == pytest.approx([0, 60, 120, 180], abs=3)
    assert video.frame_times() == [frame.pts for frame in frames] == [0, 200, 250, 550]
    assert [frame.duration for frame in frames] == DURATIONS
    (part,) = video.frames(2, 3)
    assert part.index == 2 and (part.image == frames[2].image).all()


@pytest.mark.parametrize("suffix", [".webp", ".png"])
@pytest.mark.parametrize("origin", [".gif", ".webp", ".png"])
def test_written_again_frames_and_times_are_the_same(suffix: str, origin: str, tmp_path: Path) -> None:
    again = written_again(animated(tmp_path / f"a{origin}"), tmp_path / f"b{suffix}", MADE)
    assert [frame.image.mean() for frame in again.frames()] == pytest.approx([0, 60, 120, 180], abs=3)
    assert again.frame_times() == [0, 200, 250, 550] and again.plays == 0
    (source,) = find_sources([again.path])
    assert source.kind == "video"
    assert read_provenance(again.path) == MADE


def test_frames_that_look_alike_stay_frames(tmp_path: Path) -> None:
    images = [Image.new("RGB", (32, 32), color) for color in ("red", "red", "blue")]
    images[0].save(tmp_path / "a.webp", save_all=True, append_images=images[1:], duration=100)
    assert written_again(tmp_path / "a.webp", tmp_path / "b.webp").duration_seconds == pytest.approx(0.3)


def test_a_still_image_is_no_animation(tmp_path: Path) -> None:
    for suffix in (".gif", ".webp", ".png"):
        Image.new("RGB", (8, 8)).save(tmp_path / f"a{suffix}")
    assert [source.kind for source in find_sources([tmp_path])] == ["image"] * 3


def test_an_animation_that_is_cut_off_says_so(tmp_path: Path) -> None:
    whole = animated(tmp_path / "a.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) - 60])
    with pytest.raises(MienError, match=r"cut\.png cannot be read"):
        list(open_video(tmp_path / "cut.png").frames())


def test_frames_too_large_for_the_format_are_told(tmp_path: Path) -> None:
    frames = [Image.new("1", (16384, 1), number % 2) for number in range(2)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:], duration=100)
    with pytest.raises(MienError, match="16384×1 px cannot be written as WEBP") as error:
        written_again(tmp_path / "a.png", tmp_path / "b.webp")
    assert error.value.fix == "Use one of .png."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png"]


def test_a_format_that_holds_no_animation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MienError, match=r"not written as \.jpg"):
        written_again(animated(tmp_path / "a.gif"), tmp_path / "b.jpg")


def combed(image: RgbImage) -> float:
    """How much each line differs from the two beside it."""
    gray = image.mean(2)
    return float(np.abs(gray[1:-1] - (gray[:-2] + gray[2:]) / 2).mean())


def test_interlaced_frames_are_made_whole_wherever_reading_begins() -> None:
    path = CASES / "interlaced_pan_tff.mts"
    video = VideoSource(path)
    frames = list(video.frames())
    with av.open(str(path)) as container:
        stored = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert video.is_interlaced and len(frames) == len(stored) == 36
    assert [frame.pts for frame in frames] == video.frame_times()
    assert np.mean([combed(frame.image) for frame in frames[:6]]) < 0.2 * np.mean([combed(i) for i in stored[:6]])
    for start in (1, 7, 20, 35):
        (part,) = video.frames(start, start + 1)
        assert (part.image == frames[start].image).all()
    assert video.notes == ("the source is interlaced; its frames are deinterlaced",)
    assert not VideoSource(DATA / "clips" / "target_J_2s_audio.mp4").is_interlaced


def test_what_is_written_of_interlaced_video_is_progressive(tmp_path: Path) -> None:
    video = VideoSource(CASES / "interlaced_pan_tff.mts")
    with open_sink(tmp_path / "a.mp4", video, synthetic=None) as sink:
        for frame in video.frames():
            sink.write(frame.image, frame.pts, frame.duration)
    again = VideoSource(tmp_path / "a.mp4")
    assert not again.is_interlaced and len(again.frame_times()) == 36
    assert "deinterlaced" in sink.notes[0]


@pytest.mark.parametrize(
    ("codec", "pixel_format", "suffix"), [("prores_ks", "yuva444p10le", ".mov"), ("png", "rgba", ".mov")]
)
def test_transparency_that_is_lost_is_named(codec: str, pixel_format: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, pixel_format
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 4), 128, np.uint8), "rgba")))
        container.mux(stream.encode())
    assert VideoSource(path).notes[-1] == "transparency is left out"


def pages(path: Path, sizes: list[tuple[int, int]], mode: str = "RGB") -> Path:
    color = (60, 120, 180, 100)[: len(mode)]
    images = [Image.new(mode, size, tuple(number * 20 + value for value in color)) for number, size in enumerate(sizes)]
    images[0].save(path, save_all=True, append_images=images[1:])
    return path


def test_the_pages_of_a_tiff_are_drawn_like_frames_and_stay_pages(tmp_path: Path) -> None:
    source = pages(tmp_path / "a.tif", [(48, 32)] * 3)
    (found,) = find_sources([source])
    assert found.kind == "video"
    again = written_again(source, tmp_path / "b.tiff", MADE)
    assert again.is_paged and again.notes == ()
    for one, other in zip(again.frames(), open_video(source).frames(), strict=True):
        assert (one.image == other.image).all()
    assert read_provenance(tmp_path / "b.tiff") == MADE
    with Image.open(tmp_path / "b.tiff") as image:
        assert (image.format, image.n_frames, image.mode) == ("TIFF", 3, "RGB")  # type: ignore[attr-defined]
    for suffix in (".png", ".mp4"):
        with pytest.raises(MienError, match="pages are not written as") as error:
            open_sink(tmp_path / f"c{suffix}", open_video(source), synthetic=None)
        assert error.value.fix == "Use one of .tif, .tiff."


def test_a_tiff_with_pages_of_several_sizes_is_an_image_whose_further_pages_are_named(tmp_path: Path) -> None:
    source = pages(tmp_path / "a.tif", [(48, 32), (24, 16)])
    (found,) = find_sources([source])
    assert found.kind == "image"
    assert load_file(source).notes == ("1 further page is left out: the first alone is read",)


@pytest.mark.parametrize("suffix", [".webp", ".png"])
@pytest.mark.parametrize("origin", [".gif", ".webp", ".png"])
def test_the_transparency_of_animations_is_kept(suffix: str, origin: str, tmp_path: Path) -> None:
    frames = []
    for number in range(3):
        frame = Image.new("RGBA", (48, 32), (0, 0, 0, 0))
        frame.paste((200, 40 * number, 40, 255), (8 * number, 8, 8 * number + 16, 24))
        if origin == ".webp":
            frame.paste((90, 90, 200, 120), (30, 26, 46, 30))
        frames.append(frame)
    frames[0].save(tmp_path / f"a{origin}", save_all=True, append_images=frames[1:], duration=100, disposal=2)
    video = open_video(tmp_path / f"a{origin}")
    with open_sink(tmp_path / f"b{suffix}", video, synthetic=MADE) as sink:
        for frame in video.frames():
            sink.write(frame.image, frame.pts, frame.duration, frame)
    assert sink.notes == ()
    again = list(open_video(tmp_path / f"b{suffix}").frames())
    for one, other in zip(again, video.frames(), strict=True):
        assert one.alpha is not None and other.alpha is not None and (one.alpha == other.alpha).all()
        assert np.abs(one.image.astype(int) - other.image).mean() < (4 if suffix == ".webp" else 0.5)


def test_pages_keep_their_transparency(tmp_path: Path) -> None:
    video = open_video(pages(tmp_path / "a.tif", [(8, 8)] * 2, "RGBA"))
    with open_sink(tmp_path / "b.tif", video, synthetic=MADE) as sink:
        for frame in video.frames():
            sink.write(frame.image, frame.pts, frame.duration, frame)
    alphas = [frame.alpha for frame in open_video(tmp_path / "b.tif").frames()]
    assert [alpha[0, 0] for alpha in alphas if alpha is not None] == [100, 120]


def test_signed_pages_can_be_read_and_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_CREDENTIALS_KEY", str(tmp_path / "key.pem"))
    signed = replace(MADE, signer=Signer())
    again = written_again(pages(tmp_path / "a.tif", [(48, 32)] * 3), tmp_path / "b.tif", signed)
    assert len(list(again.frames())) == 3
    found = verify(tmp_path / "b.tif")
    assert found.found_in.endswith(".c2pa") and found.is_valid
    written_again(tmp_path / "a.tif", tmp_path / "b.tif")
    assert not sidecar_of(tmp_path / "b.tif").exists()


def test_an_image_that_says_something_that_pyav_does_not_know_is_no_defect(tmp_path: Path) -> None:
    """FFmpeg reads a TIFF as a video of one frame, with its EXIF as side data of a kind that PyAV has no name for."""
    pages(tmp_path / "a.tif", [(48, 32)])
    video = VideoSource(tmp_path / "a.tif")
    assert (video.width, video.height) == (48, 32)
