"""Animated images (GIF, WebP, PNG, AVIF) and those of several pages (TIFF), read and written frame by frame as videos
are."""

import io
from collections.abc import Collection, Iterator
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image

from mien.contracts.face import RgbImage
from mien.errors import MienError
from mien.media.credentials import remove_sidecar
from mien.media.deep_images import has_16_bits
from mien.media.files import whole_file
from mien.media.image_formats import is_animation, is_paged, open_image
from mien.media.images import as_rgb, save_options
from mien.media.provenance import Provenance
from mien.media.transparency import alpha_of, as_pillow
from mien.media.video_decoder import unreadable
from mien.media.video_reader import Frame, VideoSource
from mien.media.video_writer import DEFAULT_QUALITY, VideoSink

ANIMATION_SUFFIXES = (".webp", ".png")
"""What `AnimationSink` can write: formats that hold all colors, and can say that they are synthetic."""
PAGE_SUFFIXES = (".tif", ".tiff")
"""The same of pages."""
_WRITTEN_AS = {".webp": "WEBP", ".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF"}
_MILLISECONDS = 1000
_WEBP_FLAGS, _WEBP_ALPHA = 20, 0x10
_SHORTEST_MS, _USUAL_MS = 11, 100
"""A frame that is said to last less is shown for the usual time, by every browser."""


def open_video(path: Path) -> VideoSource:
    """A video file or an animated image. Raises MienError as `VideoSource`."""
    return AnimationSource(path) if is_animation(path) else VideoSource(path)


def writable_suffixes(path: Path) -> tuple[str, ...]:
    """As what an animated image, or one of pages, can be written."""
    return PAGE_SUFFIXES if is_paged(path) else ANIMATION_SUFFIXES


def check_animation_suffix(path: Path, like: Path) -> None:
    """Raises MienError for a path as which an animated image, or one of pages, is not written. like: which one."""
    _check_suffix(path, writable_suffixes(like))


def _check_suffix(path: Path, writable: tuple[str, ...]) -> None:
    if path.suffix.lower() not in writable:
        what = "pages" if writable == PAGE_SUFFIXES else "animations"
        raise MienError(
            f"{path}: {what} are not written as {path.suffix or 'a file without suffix'}.",
            f"Use one of {', '.join(writable)}.",
        )


class AnimationSource(VideoSource):
    """An animated image to read from, as a video of it; pages are shown for a tenth of a second each. Its parts are
    those of `VideoSource`.

    Transparent pixels are shown on white. Raises MienError if the file is missing or its first frame is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with open_image(path) as image:
                self.width, self.height = image.size
                self.plays = int(image.info.get("loop", 1))
                """How often it is played; 0: for ever."""
                self.is_paged = image.format == "TIFF"
                """Whether its frames are pages."""
                self._has_16_bits = has_16_bits(image)
                self._durations = _durations(image)
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
        bits = "16 bits a channel became 8" if self._has_16_bits else None
        return tuple(filter(None, [self._which_part(), bits]))

    def _file_frames(
        self, start: int, stop: int | None, *, deep: bool, only: Collection[int] | None
    ) -> Iterator[Frame]:
        times = self._file_times()
        with open_image(self.path) as image:
            for number in range(len(times))[start:stop]:
                if only is not None and number not in only:
                    continue
                try:
                    image.seek(number)
                    shown, alpha = as_rgb(image), alpha_of(image)
                except Exception as error:
                    raise self._damaged(error, number) from error
                yield Frame(number, times[number], shown, self._durations[number], alpha=alpha)

    def _damaged(self, error: Exception, frame: int) -> MienError:
        return error if isinstance(error, MienError) else unreadable(self.path, f"{error}", frame=frame)


class AnimationSink(VideoSink):
    """An animated image to write to, as `VideoSink`, in one of `ANIMATION_SUFFIXES`, pages in one of `PAGE_SUFFIXES`:
    all but .webp lose nothing. Transparency is kept.

    Raises MienError for another suffix, a full disk and a missing permission; and if it cannot be signed.
    """

    def __init__(self, path: Path, like: AnimationSource, *, synthetic: Provenance | None) -> None:
        self._writable = PAGE_SUFFIXES if like.is_paged else ANIMATION_SUFFIXES
        _check_suffix(path, self._writable)
        self.path, self.notes = path, like.notes
        self._animation, self._synthetic = like, synthetic
        self._images: list[Image.Image] = []
        self._times: list[int] = []
        self._last = 0

    def __enter__(self) -> "AnimationSink":
        return self

    def write(self, image: RgbImage, pts: int, duration: int = 0, before: Frame | None = None) -> None:
        """Add a frame: uint8 (H, W, 3), to be shown from pts on, in milliseconds. before: its transparency is kept."""
        self._images.append(as_pillow(np.array(image), before.alpha if before else None))
        self._times.append(pts)
        self._last = duration

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None or not self._images:
            return
        written_as = _WRITTEN_AS[self.path.suffix.lower()]
        options: dict[str, Any] = save_options(written_as, self._synthetic)
        if not self._animation.is_paged:
            options["duration"] = [later - early for early, later in pairwise(self._times)] + [self._last]
            options["loop"] = self._animation.plays
        if any(image.mode == "RGBA" for image in self._images):  # one mode for all of them
            self._images = [image.convert("RGBA") for image in self._images]
        encoded = io.BytesIO()
        try:
            self._images[0].save(encoded, written_as, save_all=True, append_images=self._images[1:], **options)
        except (OSError, ValueError, RuntimeError) as error:  # what Pillow's and libwebp's writers raise
            width, height = self._images[0].size
            raise MienError(
                f"{self.path}: frames of {width}×{height} px cannot be written as {written_as}: {error}.",
                f"Use one of {', '.join(suffix for suffix in self._writable if suffix != self.path.suffix.lower())}.",
            ) from error
        data = encoded.getvalue()
        if written_as == "WEBP" and self._images[0].mode == "RGBA":
            data = _with_alpha_flag(data)
        signer = self._synthetic.signer if self._synthetic else None
        is_paged = self._animation.is_paged
        if self._synthetic and signer and not is_paged:
            data = signer.embedded(data, self.path.suffix, self._synthetic)
        with whole_file(self.path) as partial:
            partial.write_bytes(data)
            if self._synthetic and signer and is_paged:
                # Embedded, they would come between the pages, of which no reader finds the second then.
                signer.sign_file(partial, self.path, self._synthetic, beside=True)
            else:
                remove_sidecar(self.path)


def open_sink(
    path: Path,
    like: VideoSource,
    *,
    synthetic: Provenance | None,
    quality: int = DEFAULT_QUALITY,
    encoder: str | None = None,
    sound: bool = True,
    titles: bool = True,
) -> VideoSink:
    """What writes such a video; see `VideoSink` and `AnimationSink`, whose errors it raises."""
    if isinstance(like, AnimationSource):
        return AnimationSink(path, like, synthetic=synthetic)
    return VideoSink(path, like, synthetic=synthetic, quality=quality, encoder=encoder, sound=sound, titles=titles)


def _with_alpha_flag(webp: bytes) -> bytes:
    """An animated WebP that says that it is transparent. libwebp's encoder does not say it where no frame has an alpha
    channel, since frames cover no more than what is opaque; Pillow reads black around them then."""
    return webp[:_WEBP_FLAGS] + bytes([webp[_WEBP_FLAGS] | _WEBP_ALPHA]) + webp[_WEBP_FLAGS + 1 :]


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
