"""Several synthetic people drawn from the same faces: how much they differ from each other, and each from itself."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import RgbImage
from mien.evaluation.baselines import ModelPredictor
from mien.evaluation.formulas import mean_of_finite, mean_pairwise_distance
from mien.evaluation.observation import Observation
from mien.inference.target import synthetic_id
from mien.spread import spread

_FACES = 8
_PEOPLE = 4


@dataclass(frozen=True, slots=True)
class SyntheticPeople:
    """Some of the faces evaluated, each drawn as the same few synthetic people."""

    images: dict[int, NDArray[np.uint8]]
    """Which of the chosen rows → uint8 (K, S, S, 3), an image of each synthetic person."""
    observations: dict[int, list[Observation]] = field(default_factory=dict)
    """The same → what was seen of them; filled in by the evaluation."""

    @classmethod
    def drawn_by(cls, predictor: ModelPredictor, rows: NDArray[np.int64], seed: int) -> "SyntheticPeople":
        """Draw some of the rows, spread evenly."""
        numbers = spread(np.arange(len(rows)), _FACES)
        who = np.array([synthetic_id(seed, "", number) for number in range(_PEOPLE)], np.int64)
        return cls({int(number): predictor.draw(np.repeat(rows[number], _PEOPLE), who).images for number in numbers})

    @classmethod
    def none(cls) -> "SyntheticPeople":
        """Of a model that draws no synthetic people."""
        return cls({})

    def images_of(self, number: int) -> list[RgbImage]:
        """What was drawn of one of the chosen rows."""
        return list(self.images.get(number, ()))

    def diversity(self) -> float:
        """Mean identity distance between different synthetic people of the same face; NaN if none was found again."""
        return mean_of_finite([_spread(observations) for observations in self.observations.values()])

    def constancy(self) -> float:
        """Mean identity distance between images of the same synthetic person, drawn from different faces; NaN
        likewise."""
        return mean_of_finite(
            [_spread(list(observations)) for observations in zip(*self.observations.values(), strict=True)]
        )


def _spread(observations: list[Observation]) -> float:
    encodings = np.stack([observation.encoding for observation in observations])
    return mean_pairwise_distance(encodings[np.isfinite(encodings).all(1)])
