"""Reading the scenes of the faces that are judged, and looking at what everybody drew in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mien.alignment import inverse, transform_points
from mien.blender import Blender
from mien.dataset import Dataset
from mien.dataset.scenes import crops_in_scenes
from mien.errors import MienError
from mien.evaluation.drawers import Drawer
from mien.evaluation.looks import Viewer
from mien.evaluation.rows import ChosenRows
from mien.face import FaceCrop, Landmarks, RgbImage
from mien.identity import Recognizer
from mien.pipeline.drawing import failures_told, resized
from mien.progress import Progress

SHOWN_FACES = 6
"""Results are kept of so many faces, spread over those judged."""


@dataclass(slots=True)
class Judged:
    """One way of drawing, and what is seen of it."""

    drawer: Drawer
    drawn_as: str | None
    pictures: NDArray[np.uint8]
    """uint8 (N, S, S, 3)."""
    looks: list[tuple[Landmarks, NDArray[np.float32]]] = field(default_factory=list)
    results: dict[int, RgbImage] = field(default_factory=dict)
    """Some of the results, by the number of the face: the scene with the drawn face."""


@dataclass(frozen=True, slots=True)
class Originals:
    """The originals of the faces judged, of those whose scene could be read."""

    numbers: list[int]
    """Which of the chosen rows they are."""
    rows: NDArray[np.int64]
    crops: list[FaceCrop]
    landmarks: NDArray[np.float32]
    """float32 (N, 68, 2), in scene pixels."""
    encodings: NDArray[np.float32]
    unreadable: list[str]


def look_at_all(
    dataset: Dataset,
    chosen: ChosenRows,
    judged: Sequence[Judged],
    setter: Blender,
    blender: str,
    viewer: Viewer,
    recognizer: Recognizer,
    progress: Progress,
) -> Originals:
    """Read each scene once, and look at what everybody drew in it."""
    progress.start(f"judging on {dataset.name}", len(chosen.rows))
    shown = set(np.linspace(0, len(chosen.rows) - 1, SHOWN_FACES).round().astype(int).tolist())
    number_of = {int(row): number for number, row in enumerate(chosen.rows)}
    numbers: list[int] = []
    crops: list[FaceCrop] = []
    unreadable: list[str] = []
    for rows, of_scene in _readable(dataset, chosen.rows, unreadable):
        for row, crop in zip(rows, of_scene, strict=True):
            number = number_of[row]
            for one in judged:
                with failures_told("blender", blender):
                    result = set_in(setter, crop, one.pictures[number])
                one.looks.append(viewer.look(result, in_scene(crop)))
                if number in shown:
                    one.results[len(numbers)] = result
            numbers.append(number)
            crops.append(crop)
            progress.advance(1)
    if not crops:
        raise MienError(
            f"None of the scenes of {dataset.path} can be read any more: {unreadable[0] if unreadable else ''}",
            f"Put the pictures and videos back, or mien preprocess {dataset.path} --from PATH",
        )
    encodings = np.concatenate([recognizer.encode([crop]) for crop in crops])
    landmarks = np.stack([in_scene(crop) for crop in crops])
    return Originals(numbers, chosen.rows[numbers], crops, landmarks, encodings, unreadable)


def _readable(
    dataset: Dataset, rows: NDArray[np.int64], unreadable: list[str]
) -> Iterator[tuple[list[int], list[FaceCrop]]]:
    """Scene after scene; a source that cannot be read is noted, and the next one is taken."""
    left = rows.tolist()
    while left:
        try:
            for of_scene, crops, _ in crops_in_scenes(dataset, left):
                yield of_scene, crops
                left = left[len(of_scene) :]
            return
        except MienError as error:
            source = dataset.index(["source"])["source"]
            lost = source[left[0]].as_py()
            unreadable.append(error.message)
            left = [row for row in left if source[row].as_py() != lost]


def in_scene(crop: FaceCrop) -> Landmarks:
    """A crop's landmarks in the pixels of its scene: float32 (68, 2)."""
    return transform_points(inverse(crop.to_crop), crop.landmarks)


def set_in(setter: Blender, crop: FaceCrop, picture: RgbImage) -> RgbImage:
    """The crop's scene with another picture in the face's place."""
    small = resized(crop, picture.shape[0])
    if crop.scene is None:
        raise ValueError("the crop has no scene")
    return setter.blend(crop.scene, picture, small.mask, small.to_crop)
