"""Pictures of somebody whom a run has never seen: images, folders of them, and frames of clips."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import RgbImage
from mien.errors import MienError
from mien.media.discovery import find_sources
from mien.media.images import read_image
from mien.media.video_reader import VideoSource
from mien.spread import spread_indices
from mien.tracking.recognizer import Recognizer

FRAMES = 120
"""So many frames of a clip are looked at, spread evenly over it."""


@dataclass(frozen=True, slots=True)
class ReferenceImage:
    """A picture in which a reference is looked for."""

    image: RgbImage
    """uint8 (H, W, 3), RGB."""
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
            if source.kind == "video":
                yield from _frames_of(source.path)
                continue
            try:
                image = read_image(source.path)  # of one that is no image it says so
            except MienError:
                if not in_folder:
                    raise
                continue
            yield ReferenceImage(image, str(source.path), has_to_show_them=not in_folder)


def _frames_of(clip: Path) -> Iterator[ReferenceImage]:
    with VideoSource(clip) as video:
        keys = video.key_frames()
        # In a long clip, frames that need no other one to be decoded are enough.
        few = len(keys) < FRAMES
        numbers = np.arange(len(video.frame_times())) if few else np.array(keys)
        wanted = numbers[spread_indices(len(numbers), FRAMES)].tolist()
        stretches = [(0, None)] if few else [(number, number + 1) for number in wanted]
        for start, stop in stretches:
            for frame in video.frames(start, stop, only=wanted):
                yield ReferenceImage(frame.image, f"{clip}, frame {frame.index}", has_to_show_them=False)


def of_one_person(encodings: NDArray[np.float32], recognizer: Recognizer) -> NDArray[np.bool_]:
    """Which of K faces are of the person whom most of them show: bool (K,).

    encodings: float32 (K, D), by the recognizer. It is the person of the face that is nearest to all others.
    """
    apart = np.stack([recognizer.distances(encodings, one) for one in encodings])
    nearest = apart[np.median(apart, axis=1).argmin()]
    return np.asarray(nearest < recognizer.same_person_below)
