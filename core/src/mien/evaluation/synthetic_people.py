"""Several strangers drawn from the same faces: how much they differ from each other, and each from itself."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import RgbImage
from mien.evaluation.baselines import ModelPredictor, synthetic_id
from mien.evaluation.formulas import mean_of_finite, mean_pairwise_distance
from mien.evaluation.observation import Observation

_FACES = 8
_STRANGERS = 4


@dataclass(frozen=True, slots=True)
class Strangers:
    """Some of the faces judged, each drawn as the same few strangers."""

    images: dict[int, NDArray[np.uint8]]
    """Which of the chosen rows → uint8 (K, S, S, 3), an image of each stranger."""
    observations: dict[int, list[Observation]] = field(default_factory=dict)
    """The same → what was seen of them; filled in by the judging."""

    @classmethod
    def drawn_by(cls, predictor: ModelPredictor, rows: NDArray[np.int64], seed: int) -> "Strangers":
        """Draw some of the rows, spread evenly."""
        numbers = np.linspace(0, len(rows) - 1, min(_FACES, len(rows))).round().astype(int)
        who = np.array([synthetic_id(seed, number) for number in range(_STRANGERS)], np.int64)
        return cls({int(number): predictor.draw(np.repeat(rows[number], _STRANGERS), who) for number in numbers})

    @classmethod
    def none(cls) -> "Strangers":
        """Of a model that invents nobody."""
        return cls({})

    def of(self, number: int) -> list[RgbImage]:
        """What was drawn of one of the chosen rows."""
        return list(self.images.get(number, ()))

    def diversity(self) -> float:
        """Mean identity distance between different strangers of the same face; NaN if none was found again."""
        return mean_of_finite([_spread(observations) for observations in self.observations.values()])

    def constancy(self) -> float:
        """Mean identity distance between images of the same stranger, drawn from different faces; NaN likewise."""
        return mean_of_finite(
            [_spread(list(observations)) for observations in zip(*self.observations.values(), strict=True)]
        )


def _spread(observations: list[Observation]) -> float:
    encodings = np.stack([encoding for _, encoding in observations])
    return mean_pairwise_distance(encodings[np.isfinite(encodings).all(1)])
