"""Animated images (GIF, WebP, PNG, AVIF), read and written frame by frame as videos are."""

import io
from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image

from mien.contracts.face import RgbImage
from mien.errors import MienError
from mien.media.files import whole_file
from mien.media.image_formats import is_animation, open_image
from mien.media.images import as_rgb, save_options
from mien.media.provenance import Provenance
from mien.media.video_reader import Frame, VideoSource
from mien.media.video_writer import DEFAULT_QUALITY, VideoSink

ANIMATION_SUFFIXES = (".webp", ".png")
"""What `AnimationSink` can write: formats that hold all colors, and can say that they are synthetic."""
_MILLISECONDS = 1000
_SHORTEST_MS, _USUAL_MS = 11, 100
"""A frame that is said to last less is shown for the usual time, by every browser."""


def open_video(path: Path) -> VideoSource:
    """A video file or an animated image. Raises MienError as `VideoSource`."""
    return AnimationSource(path) if is_animation(path) else VideoSource(path)


class AnimationSource(VideoSource):
    """An animated image to read from, as a video of it. Its parts are those of `VideoSource`.

    Transparent pixels are shown on white. Raises MienError if the file is missing or its first frame is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with open_image(path) as image:
                self.width, self.height = image.size
                self.plays = int(image.info.get("loop", 1))
                """How often it is played; 0: for ever."""
                self._durations, self._is_transparent = _durations(image), image.has_transparency_data
        except Exception as error:
            raise self._damaged(error, 0) from error
        self._first, self._stop = 0, None
        self.bits = 8
        self.pixel_shape, self.time_base = Fraction(1), Fraction(1, _MILLISECONDS)
        self.rate = Fraction(len(self._durations) * _MILLISECONDS, sum(self._durations))
        self.metadata = {}
        self.has_audio = self.is_interlaced = False
        self.duration_seconds = sum(self._durations) / _MILLISECONDS
        self.frames_said = len(self._durations)

    def _file_times(self) -> list[int]:
        """When each frame begins, in milliseconds from the first."""
        return [0, *accumulate(self._durations)][:-1]

    def _file_end(self) -> int:
        return sum(self._durations)

    def _damage_of_file(self) -> str | None:
        """None: what is wrong is found when frames are read."""
        return None

    @property
    def cut_off(self) -> str | None:
        """None, as `damage`."""
        return None

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the file is not in its frames."""
        alpha = "transparency is left out: transparent pixels are white" if self._is_transparent else None
        return tuple(filter(None, [self._which_part(), alpha]))

    def _file_frames(self, start: int, stop: int | None, *, deep: bool) -> Iterator[Frame]:
        times = self._file_times()
        with open_image(self.path) as image:
            for number in range(len(times))[start:stop]:
                try:
                    image.seek(number)
                    shown = as_rgb(image)
                except Exception as error:
                    raise self._damaged(error, number) from error
                yield Frame(number, times[number], shown, self._durations[number])

    def _damaged(self, error: Exception, frame: int) -> MienError:
        return error if isinstance(error, MienError) else self._error(f"{error}", frame=frame)


class AnimationSink(VideoSink):
    """An animated image to write to, as `VideoSink`, in one of `ANIMATION_SUFFIXES`: .png loses nothing.

    Raises MienError for another suffix, a full disk and a missing permission; and if it cannot be signed.
    """

    def __init__(self, path: Path, like: AnimationSource, *, synthetic: Provenance | None) -> None:
        if path.suffix.lower() not in ANIMATION_SUFFIXES:
            raise MienError(
                f"{path}: animations are not written as {path.suffix or 'a file without suffix'}.",
                f"Use one of {', '.join(ANIMATION_SUFFIXES)}.",
            )
        self.path, self.notes = path, like.notes
        self._animation, self._synthetic = like, synthetic
        self._images: list[Image.Image] = []
        self._times: list[int] = []
        self._last = 0

    def __enter__(self) -> "AnimationSink":
        return self

    def write(self, image: RgbImage, pts: int, duration: int = 0, before: Frame | None = None) -> None:
        """Add a frame: uint8 (H, W, 3), to be shown from pts on, in milliseconds."""
        self._images.append(Image.fromarray(np.array(image)))
        self._times.append(pts)
        self._last = duration

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None or not self._images:
            return
        written_as = "PNG" if self.path.suffix.lower() == ".png" else "WEBP"
        durations = [later - early for early, later in pairwise(self._times)] + [self._last]
        options: dict[str, Any] = save_options(written_as, self._synthetic)
        encoded = io.BytesIO()
        self._images[0].save(
            encoded,
            written_as,
            save_all=True,
            append_images=self._images[1:],
            duration=durations,
            loop=self._animation.plays,
            **options,
        )
        data = encoded.getvalue()
        if self._synthetic and self._synthetic.signer:
            data = self._synthetic.signer.embedded(data, self.path.suffix, self._synthetic)
        with whole_file(self.path) as partial:
            partial.write_bytes(data)


def open_sink(
    path: Path,
    like: VideoSource,
    *,
    synthetic: Provenance | None,
    quality: int = DEFAULT_QUALITY,
    sound: bool = True,
    titles: bool = True,
) -> VideoSink:
    """What writes such a video; see `VideoSink` and `AnimationSink`, whose errors it raises."""
    if isinstance(like, AnimationSource):
        return AnimationSink(path, like, synthetic=synthetic)
    return VideoSink(path, like, synthetic=synthetic, quality=quality, sound=sound, titles=titles)


def _durations(image: Image.Image) -> list[int]:
    """How long each frame is shown, in milliseconds."""
    durations = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        image.load()  # of WebP, the time is known only then
        said = round(image.info.get("duration", 0) or 0)
        durations.append(said if said >= _SHORTEST_MS else _USUAL_MS)
    image.seek(0)
    return durations
