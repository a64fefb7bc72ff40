"""What measures expressions beside the landmarks: a feature whose values are named as blendshapes are."""

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import FaceCrop
from mien.contracts.feature import Feature
from mien.errors import MienError
from mien.geometry.blendshapes import NEEDED, Motion, motion
from mien.plugins.choice import parse_choices
from mien.plugins.feature_set import FeatureSet
from mien.plugins.registry import Registry, known_distributions
from mien.tracking.recognizer_record import RecognizerRecord


class ExpressionJudge:
    """Measures what faces do, whoever they are.

    choice: a feature as a plugin choice. Raises MienError if it cannot be made, or its values are no blendshapes.
    """

    def __init__(self, registry: Registry, choice: str) -> None:
        if len(parse_choices(choice)) != 1:
            raise MienError(f"{choice!r} is not one feature.", "--expressions NAME")
        self._features = FeatureSet(choice, registry)
        self._key, feature = self._features.features[0]
        self.names = feature.value_names
        """What its values are called."""
        self.record = RecognizerRecord.of(self._features.text, registry)
        """Which one it is."""
        if missing := sorted(NEEDED - set(self.names)):
            raise MienError(
                f"The feature {self.record} measures no expressions: none of its values is called {missing[0]}.",
                "--expressions NAME, or leave it out",
            )

    def measure(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        """Weights of N faces: float32 (N, W). Raises MienError if the feature fails."""
        return self._features.compute(crops)[self._key].reshape(len(crops), len(self.names))

    def motion(self, weights: NDArray[np.float32]) -> Motion:
        """What N faces do."""
        return motion(weights, self.names)


def default_expression_judge(registry: Registry) -> str | None:
    """The name of the feature that judges expressions when the choice was left open; None: none is installed.

    The project's own, if it is installed; else the only one that can. Raises MienError if there are several.
    """
    installed, known = registry.names("feature"), known_distributions().get("expression", {})
    if own := next((name for name in known if name in installed), None):
        return own
    able = [name for name in installed if _measures_expressions(name, registry)]
    if len(able) > 1:
        raise MienError(
            f"Several features that measure expressions are installed: {', '.join(able)}. Which is it to be?",
            f"--expressions {able[0]}",
        )
    return able[0] if able else None


def _measures_expressions(name: str, registry: Registry) -> bool:
    try:
        names = cast(type[Feature], registry.load("feature", name)).value_names
    except MienError:
        return False  # nobody asked for it
    return isinstance(names, tuple) and set(names) >= NEEDED
