"""The faces of a dataset as they were cut out, and the scenes they come from."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from mien.contracts.face import Box, FaceCrop, RgbImage
from mien.dataset.format import Dataset
from mien.dataset.source_names import source_path
from mien.errors import MienError
from mien.geometry.affine import transform_points
from mien.geometry.masks import as_mask
from mien.geometry.pixel_shape import in_square_pixels
from mien.media.images import read_image

RAW = "raw"


def crops_of(dataset: Dataset, rows: Sequence[int]) -> list[FaceCrop]:
    """The crops of some rows, without their scenes."""
    reader = _Reader(dataset)
    return [reader.crop(row, None) for row in rows]


def crops_in_scenes(
    dataset: Dataset, rows: Sequence[int], raw: Path | None = None
) -> Iterator[tuple[list[int], list[FaceCrop], str]]:
    """The crops of some rows, in ascending order, with the scenes they come from; each scene is read once.

    Yields the rows of a scene, their crops, and where they are from, for an error message. raw: what the index's
    sources are relative to; None: DATASET/raw. Raises MienError if a source is gone or unreadable.
    """
    reader = _Reader(dataset)
    raw = raw or dataset.path / RAW
    by_image = groupby(rows, key=reader.image)
    wanted = [(source, frame, list(of_scene)) for (source, frame), of_scene in by_image]
    for source, images in groupby(wanted, key=lambda image: image[0]):
        of_source = list(images)
        scenes = _scenes(source_path(raw, source), [frame for _, frame, _ in of_source])
        for (_, frame, of_scene), scene in zip(of_source, scenes, strict=True):
            where = f"{source}, frame {frame}" if frame is not None else str(source)
            yield of_scene, [reader.crop(row, scene) for row in of_scene], where


class _Reader:
    def __init__(self, dataset: Dataset) -> None:
        self._images, self._masks = dataset.crops(), dataset.masks()
        self._landmarks = dataset.landmarks()
        self._index = dataset.index(["source", "frame", "box", "box_angle", "to_crop"])

    def image(self, row: int) -> tuple[str, int | None]:
        return self._index["source"][row].as_py(), self._index["frame"][row].as_py()

    def crop(self, row: int, scene: RgbImage | None) -> FaceCrop:
        to_crop = np.array(self._index["to_crop"][row].as_py()).reshape(2, 3)
        landmarks = np.array(self._landmarks[row])
        left, top, right, bottom = self._index["box"][row].as_py()
        box = Box(left, top, right, bottom, self._index["box_angle"][row].as_py())
        return FaceCrop(
            image=np.array(self._images[row]),
            mask=as_mask(self._masks[row]),
            landmarks=None if np.isnan(landmarks).any() else landmarks,
            to_crop=to_crop,
            scene=scene,
            points={"box": transform_points(to_crop, box.corners)},
        )


def _scenes(path: Path, frames: Sequence[Any]) -> Iterator[RgbImage]:
    """The images themselves, in the order of the frames."""
    if frames[0] is None:
        yield read_image(path)
        return
    from mien.media.animation import open_video  # loads PyAV, which images do without

    with open_video(path) as video:
        needed = set(frames)
        for frame in video.frames(frames[0], frames[-1] + 1):
            if frame.index in needed:
                needed.remove(frame.index)
                yield in_square_pixels(frame.image, float(video.pixel_shape))
    if needed:
        raise MienError(f"{path} has changed: it has no frame {min(needed)} any more.", "Put the earlier video back.")
