"""Encoders that a user asks for: used, or an error that says what to do before anything is drawn."""

from pathlib import Path

import av
import numpy as np
import pytest

from mien import SessionOptions, anonymize
from mien.errors import MienError
from mien.media.encoders import encoders_to_ask_for
from mien.media.video_reader import VideoSource
from mien.media.video_writer import VideoSink

CLIP = Path(__file__).resolve().parents[2] / "tests" / "data" / "clips" / "target_J_2s_audio.mp4"
OF_CARDS = [name for name in encoders_to_ask_for() if not name.startswith("lib")]


def opens(encoder: str) -> bool:
    context = av.CodecContext.create(encoder, "w")
    context.width, context.height, context.pix_fmt, context.framerate = 256, 256, "nv12", 25
    try:
        context.open()
    except (av.error.FFmpegError, OSError, ValueError):
        return False
    return True


def write(path: Path, encoder: str | None) -> None:
    video = VideoSource(CLIP)
    with VideoSink(path, video, synthetic=None, encoder=encoder) as sink:
        for frame in video.frames(0, 12):
            sink.write(frame.image, frame.pts, frame.duration)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_x265_writes_the_frames_in_fewer_bytes_and_keeps_the_sound(suffix: str, tmp_path: Path) -> None:
    usual, asked = tmp_path / f"usual{suffix}", tmp_path / f"asked{suffix}"
    write(usual, None)
    write(asked, "libx265")
    with av.open(str(asked)) as file:
        assert file.streams.video[0].codec_context.name == "hevc"
        assert len(file.streams.audio) == 1
    assert asked.stat().st_size < usual.stat().st_size
    before, after = (list(VideoSource(path).frames(0, 12)) for path in (usual, asked))
    assert [frame.pts for frame in before] == [frame.pts for frame in after]
    assert all(np.abs(a.image.astype(int) - b.image).mean() < 3 for a, b in zip(before, after, strict=True))


@pytest.mark.skipif(not OF_CARDS, reason="this PyAV has no encoders of graphics cards")
@pytest.mark.parametrize("encoder", OF_CARDS)
def test_an_encoder_of_a_card_is_used_or_said_to_be_missing(encoder: str, tmp_path: Path) -> None:
    path = tmp_path / ("out.webm" if encoder.startswith("vp9") else "out.mp4")
    if opens(encoder):
        write(path, encoder)
        assert len(VideoSource(path).frame_times()) == 12
        return
    with pytest.raises(MienError, match=f"The encoder {encoder} cannot be used on this machine") as error:
        write(path, encoder)
    assert "Leave out --encoder" in error.value.fix
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "encoder", "message"),
    [
        ("out.mp4", "h264_vodoo", "no encoder that can be asked for: PyAV has libx265"),
        ("out.mp4", "libx264rgb", "no encoder that can be asked for"),
        ("out.webm", "libx265", "does not go into such a file"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_is_drawn(
    name: str, encoder: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(MienError, match=message):
        anonymize(
            CLIP, tmp_path / name, method="blocks", session=SessionOptions(extractor="blazeface", encoder=encoder)
        )
    assert list(tmp_path.iterdir()) == []


def test_a_video_is_anonymized_with_it_whole_and_in_segments(tmp_path: Path) -> None:
    for name, seconds in (("whole.mp4", 60.0), ("segments.mp4", 0.6)):
        session = SessionOptions(extractor="blazeface", encoder="libx265", segment_seconds=seconds, credentials=False)
        anonymize(CLIP, tmp_path / name, method="blocks", session=session)
        with av.open(str(tmp_path / name)) as file:
            assert file.streams.video[0].codec_context.name == "hevc"
        assert len(VideoSource(tmp_path / name).frame_times()) == 72
