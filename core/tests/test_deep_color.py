"""Video of more than 8 bits stays so, and what it says of its brightness is passed on."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.media.deep_color import HdrMetadata
from mien.media.deep_images import merged
from mien.media.video_reader import VideoSource
from mien.media.video_writer import VideoSink

MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"


def ramp(seed: int = 0) -> NDArray[np.uint16]:
    """Gray levels that 8 bits do not tell apart: uint16 (64, 256, 3)."""
    levels = 20_000 + seed * 500 + np.arange(256) * 40
    return np.repeat(np.broadcast_to(levels, (64, 256))[..., None], 3, axis=2).astype(np.uint16)


def deep_clip(path: Path, codec: str = "libx265", pixel_format: str = "yuv420p10le", params: str = "") -> Path:
    with av.open(str(path), "w") as container:
        options = {"crf": "1", **({"x265-params": "log-level=none" + params} if codec == "libx265" else {})}
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 256, 64, pixel_format
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = 9, 16, 9, 1
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(ramp(number), format="rgb48le")
            container.mux(stream.encode(frame.reformat(format=pixel_format, dst_colorspace=9, dst_color_range=1)))
        container.mux(stream.encode())
    return path


def written(source: Path, target: Path, **options: Any) -> tuple[VideoSource, tuple[str, ...]]:
    """The video again, a square in its upper left drawn black."""
    video = VideoSource(source)
    with VideoSink(target, video, **{"synthetic": None, "quality": 4, **options}) as sink:
        for frame in video.frames(deep=True):
            drawn = frame.image.copy()
            drawn[:32, :32] = 0
            sink.write(drawn, frame.pts, frame.duration, frame)
    return VideoSource(target), sink.notes


@pytest.mark.parametrize(
    ("codec", "origin", "suffix"),
    [
        ("libx265", ".mp4", ".mp4"),
        ("libx265", ".mp4", ".mov"),
        ("libx265", ".mkv", ".mkv"),
        ("libx265", ".mp4", ".webm"),
        ("libsvtav1", ".mp4", ".mp4"),
        ("libx265", ".mp4", ".m4v"),
    ],
)
def test_ten_bits_stay_ten_bits(codec: str, origin: str, suffix: str, tmp_path: Path) -> None:
    source = deep_clip(tmp_path / f"a{origin}", codec)
    video = VideoSource(source)
    again, notes = written(source, tmp_path / f"b{suffix}")
    assert (video.bits, again.bits) == (10, 10) and notes == ()
    assert again.color == video.color
    before, after = list(video.frames(deep=True)), list(again.frames(deep=True))
    assert len(after) == 3
    for one, other in zip(before, after, strict=True):
        assert one.deep is not None and other.deep is not None
        assert len(np.unique(one.deep[40, 48:, 1])) > 100  # 8 bits would tell 41 levels
        assert np.abs(one.deep[:, 48:].astype(int) - other.deep[:, 48:]).mean() < 100
        assert len(np.unique(other.deep[40, 48:, 1])) > 60
        assert other.image[4:24, 4:24].max() < 8


def test_what_a_video_says_of_its_brightness_is_passed_on(tmp_path: Path) -> None:
    source = deep_clip(tmp_path / "a.mp4", params=f":master-display={MASTERING}:max-cll=1000,400")
    assert VideoSource(source).hdr == HdrMetadata(MASTERING, "1000,400")
    again, notes = written(source, tmp_path / "b.mkv")
    assert again.hdr == VideoSource(source).hdr and notes == ()
    _, notes = written(source, tmp_path / "b.webm")
    assert len(notes) == 1 and "HDR metadata" in notes[0]


def test_eight_bits_stay_eight_bits(tmp_path: Path) -> None:
    source = deep_clip(tmp_path / "a.mp4", "libx264", "yuv420p")
    again, _ = written(source, tmp_path / "b.mp4")
    assert again.bits == 8 and next(again.frames(deep=True)).deep is None


def test_only_what_was_drawn_changes() -> None:
    deep = ramp()
    before = (deep // 257).astype(np.uint8)
    drawn = before.copy()
    drawn[:8] = 200
    assert (merged(drawn, before, deep)[:8] == 200 * 257).all()
    assert (merged(drawn, before, deep)[8:] == deep[8:]).all()


def test_the_encoders_print_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = deep_clip(tmp_path / "a.mkv", "libx265")
    capfd.readouterr()
    for suffix in (".mp4", ".webm"):
        written(source, tmp_path / f"b{suffix}")
    assert capfd.readouterr() == ("", "")
