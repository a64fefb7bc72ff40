"""The images and clips of tests, and pieces of them."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
from PIL import Image

from mien.contracts.face import RgbImage
from mien.media.video_reader import Frame, VideoSource
from mien.media.video_writer import VideoSink

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
CLIPS = DATA / "clips"
E, J, TWO = CLIPS / "target_E_4s_silent.mp4", CLIPS / "target_J_2s_audio.mp4", CLIPS / "two_people_2s_audio.mp4"
STILL = DATA / "images" / "stills" / "grace_hopper.jpg"
NO_FACE = DATA / "images" / "noface" / "rocket.jpg"
BLINDING = (255, 0, 255)


def cut(source: Path, target: Path, frames: slice, change: Callable[[Frame], RgbImage] | None = None) -> Path:
    """A piece of a clip, its frames changed, with all its sound."""
    video = VideoSource(source)
    with VideoSink(target, video, synthetic=None, quality=5) as sink:
        for frame in video.frames(frames.start, frames.stop):
            sink.write(change(frame) if change else frame.image, frame.pts, frame.duration)
    return target


def in_wide_pixels(source: Path, target: Path, frames: slice) -> Path:
    """A piece of a clip, stored in pixels that are twice as wide as high, without sound."""
    video = VideoSource(source)
    with av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = video.width // 2, video.height, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2)
        for frame in video.frames(frames.start, frames.stop):
            narrow = cv2.resize(frame.image, (video.width // 2, video.height), interpolation=cv2.INTER_AREA)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(narrow)))
        container.mux(stream.encode())
    return target


def blinded(indices: Sequence[int]) -> Callable[[Frame], RgbImage]:
    """A change for `cut`: in those frames the extractor `blinkered` finds no face."""

    def change(frame: Frame) -> RgbImage:
        image = frame.image.copy()
        if frame.index in indices:
            image[:16, :16] = BLINDING
        return image

    return change


def pictures(target: Path, images: Sequence[RgbImage]) -> Path:
    """Images as the pages of a TIFF, or as an animated image of a tenth of a second each."""
    first, *others = map(Image.fromarray, images)
    times = {} if target.suffix == ".tif" else {"duration": 100}
    first.save(target, save_all=True, append_images=others, **times)
    return target
