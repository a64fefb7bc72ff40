"""Pictures of somebody whom a run has never seen: images, folders of them, and frames of clips."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import RgbImage
from mien.errors import MienError
from mien.geometry.pixel_shape import in_square_pixels
from mien.media.animation import open_video
from mien.media.discovery import find_sources
from mien.media.image_formats import is_animation
from mien.media.images import read_image
from mien.spread import spread_indices
from mien.tracking.recognizer import Recognizer

FRAMES = 120
"""So many frames of a clip are looked at, spread evenly over it."""


@dataclass(frozen=True, slots=True)
class ReferenceImage:
    """A picture in which a reference is looked for."""

    image: RgbImage | None
    """uint8 (H, W, 3), RGB, square pixels; None: it lies in a folder and cannot be read."""
    name: str
    """What an error calls it."""
    has_to_show_them: bool = True
    """Whether it was named itself; one of a folder, or a frame, may show nobody, or others."""


def reference_images(paths: Sequence[Path]) -> Iterator[ReferenceImage]:
    """The images among files and in folders, and frames of the clips among them.

    Raises MienError for a path that is missing, and for a file that was named itself and cannot be read.
    """
    for path in paths:
        in_folder = path.is_dir()
        for source in find_sources([path]):
            try:
                if source.kind == "video":
                    yield from _frames_of(source.path)
                else:  # of one that is no image reading it says so
                    yield ReferenceImage(read_image(source.path), str(source.path), has_to_show_them=not in_folder)
            except MienError:
                if not in_folder:
                    raise
                yield ReferenceImage(None, str(source.path), has_to_show_them=False)


def _frames_of(clip: Path) -> Iterator[ReferenceImage]:
    with open_video(clip) as video:
        # In a long clip, frames that need no other one to be decoded are enough; of animated images none says which.
        keys = [] if is_animation(clip) else video.key_frames()
        few = len(keys) < FRAMES
        numbers = np.arange(len(video.frame_times())) if few else np.array(keys)
        wanted = numbers[spread_indices(len(numbers), FRAMES)].tolist()
        stretches = [(0, None)] if few else [(number, number + 1) for number in wanted]
        pixel_shape = float(video.pixel_shape)
        for start, stop in stretches:
            for frame in video.frames(start, stop, only=wanted):
                image = in_square_pixels(frame.image, pixel_shape)
                yield ReferenceImage(image, f"{clip}, frame {frame.index}", has_to_show_them=False)


def of_one_person(
    encodings: NDArray[np.float32], certain: NDArray[np.bool_], recognizer: Recognizer
) -> NDArray[np.bool_]:
    """Which of K faces are of the person of those that are certain, or else of whom most of them show: bool (K,).

    encodings: float32 (K, D), by the recognizer. certain: bool (K,). Most of them show the person of the face that is
    nearest to all others.
    """
    if certain.any():
        apart = recognizer.distances(encodings, recognizer.mean(encodings[certain]))
    else:
        of_each = np.stack([recognizer.distances(encodings, one) for one in encodings])
        apart = of_each[np.median(of_each, axis=1).argmin()]
    return certain | (apart < recognizer.same_person_below)
