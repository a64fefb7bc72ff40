"""Reading the scenes of the faces that it is evaluated on, and looking at what everybody drew in them."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import FaceCrop, RgbImage
from mien.dataset import Dataset
from mien.dataset.scenes import crops_in_scenes
from mien.errors import MienError
from mien.evaluation.baselines import Prediction, Predictor
from mien.evaluation.observation import Observation, gathered
from mien.evaluation.observer import ObservationTask, SceneObservation
from mien.evaluation.report import Evaluation
from mien.evaluation.row_selection import ChosenRows
from mien.evaluation.synthetic_people import SyntheticPeople
from mien.geometry.pose import HeadAngles
from mien.progress import Progress
from mien.training.run import TrainedRun

Seen = Iterator[tuple[ObservationTask, SceneObservation]]
Looking = Callable[[Iterable[ObservationTask]], AbstractContextManager[Seen]]
"""What looks at tasks, one after the other, and gives them back in their order with what it saw."""


@dataclass(slots=True)
class PredictorResult:
    """One way of drawing, and what is seen of it."""

    predictor: Predictor
    drawn_as: str | None
    images: NDArray[np.uint8]
    """uint8 (N, S, S, 3)."""
    masks: NDArray[np.float32] | None = None
    """float32 (N, S, S), if what was drawn says itself what of it is to be set in."""
    observations: list[Observation] = field(default_factory=list)
    views: list[RgbImage] = field(default_factory=list)
    """uint8 (128, 128, 3) each: the result around the face."""

    @classmethod
    def of(cls, predictor: Predictor, drawn_as: str | None, prediction: Prediction) -> "PredictorResult":
        """What was drawn, before it is observed."""
        return cls(predictor, drawn_as, prediction.images, prediction.masks)

    def mask_of(self, number: int) -> NDArray[np.float32] | None:
        """float32 (S, S): the own mask of one of the images; None if it has none."""
        return None if self.masks is None else self.masks[number]


@dataclass(frozen=True, slots=True)
class Originals:
    """The originals of the faces evaluated, of those that could be seen."""

    numbers: list[int]
    """Which of the chosen rows they are."""
    rows: NDArray[np.int64]
    crops: list[FaceCrop]
    """Without their scenes, of which one of a large video takes 25 MB."""
    views: list[RgbImage]
    """uint8 (128, 128, 3) each: the scene around the face."""
    landmarks: NDArray[np.float32]
    """float32 (N, 68, 2), in scene pixels."""
    encodings: NDArray[np.float32]
    by_judges: tuple[NDArray[np.float32], ...]
    """The same by each judge."""
    weights: NDArray[np.float32]
    """float32 (N, W): what they do, by the judge of expressions; without one, W is 0."""
    unreadable: list[str]
    """Why others were left out."""


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """An evaluation with all that its page shows."""

    evaluation: Evaluation
    crops: list[FaceCrop]
    """The faces evaluated."""
    views: list[RgbImage]
    """uint8 (128, 128, 3) each: what is around them in their scenes."""
    results: list[PredictorResult]
    expressions: dict[int, NDArray[np.float64]]
    """Number of the result → expression error of each face."""
    distances: dict[int, NDArray[np.float64]]
    """Number of the result → identity distance of each face to the original."""
    poses: dict[int, HeadAngles]
    """Number of the result → how the head of each face is turned in the result."""
    original_poses: HeadAngles
    run: TrainedRun


def look_at_all(
    dataset: Dataset,
    chosen: ChosenRows,
    results: Sequence[PredictorResult],
    synthetic: SyntheticPeople,
    looking: Looking,
    progress: Progress,
) -> Originals:
    """Read each scene once, and look at what everybody drew in it.

    Raises MienError if a plugin fails, or if no face is left to judge by.
    """
    progress.start(f"evaluating on {dataset.name}", len(chosen.rows))
    numbers: list[int] = []
    crops: list[FaceCrop] = []
    views: list[RgbImage] = []
    originals: list[Observation] = []
    unreadable: list[str] = []
    unseen: list[int] = []
    with looking(_tasks(dataset, chosen, results, synthetic, unreadable)) as observations:
        for task, observation in observations:
            progress.advance(1)
            if not np.isfinite(observation.original.landmarks).all():
                unseen.append(int(chosen.rows[task.number]))
                continue
            for result, look, view in zip(
                results, observation.drawn, observation.views, strict=False
            ):  # then come the synthetic people
                result.observations.append(look)
                result.views.append(view)
            if synthetic.images_of(task.number):
                synthetic.observations[task.number] = observation.drawn[len(results) :]
            numbers.append(task.number)
            crops.append(replace(task.crop, scene=None))
            views.append(observation.original_view)
            originals.append(observation.original)
    if unseen:
        unreadable.append(f"The extractor finds no face in the originals of the rows {', '.join(map(str, unseen))}.")
    if not crops:
        raise MienError(
            f"No face of {dataset.path} is left to judge by: {unreadable[0] if unreadable else ''}",
            f"Put the images and videos back, or mien preprocess {dataset.path} --from PATH",
        )
    observed = gathered(originals)
    return Originals(
        numbers,
        chosen.rows[numbers],
        crops,
        views,
        observed.landmarks,
        observed.encodings,
        observed.by_judges,
        observed.weights,
        unreadable,
    )


def _tasks(
    dataset: Dataset,
    chosen: ChosenRows,
    results: Sequence[PredictorResult],
    synthetic: SyntheticPeople,
    unreadable: list[str],
) -> Generator[ObservationTask, None, None]:
    number_of = {int(row): number for number, row in enumerate(chosen.rows)}
    for rows, of_scene in readable(dataset, chosen.rows, unreadable):
        for row, crop in zip(rows, of_scene, strict=True):
            number = number_of[row]
            images = [result.images[number] for result in results] + synthetic.images_of(number)
            masks = [result.mask_of(number) for result in results] + [None] * len(synthetic.images_of(number))
            yield ObservationTask(number, crop, images, masks)


def readable(
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
