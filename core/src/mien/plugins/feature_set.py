"""What several features together say of a face: the vector that a model draws from."""

import math
from collections.abc import Mapping, Sequence
from typing import cast
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import FaceCrop
from mien.contracts.feature import Feature
from mien.contracts.plugin import PluginConfig, WeightsFile
from mien.errors import MienError
from mien.geometry.alignment import recut
from mien.plugins.choice import choice_text, parse_choices, settings_as_text
from mien.plugins.guard import checked_bounds, checked_shape, guarded_compute
from mien.plugins.registry import InstalledPlugin, Registry


class FeatureSet:
    """Features joined to one vector per face, as in `landmarks:points=28+thumbnail:size=8`; "" is the empty set.

    Raises MienError for an unknown feature or setting, one that cannot be made, and one that stands there twice.
    """

    def __init__(self, text: str, registry: Registry) -> None:
        self.features: list[tuple[str, Feature]] = []
        """Key and feature, in the order of the vector. A key is the name with all settings, usable as a file's stem."""
        self.choices: dict[str, str] = {}
        """Key → what the user would type for exactly this feature, all settings spelled out."""
        self.plugins: dict[str, InstalledPlugin] = {}
        """Key → the distribution and version that the feature comes from."""
        self._ranges: list[tuple[float, float]] = []
        for choice in parse_choices(text):
            feature = cast(Feature, registry.create("feature", choice))
            key = feature_key(choice.name, feature.config)
            if key in self.choices:
                raise MienError(f"{text!r} names the feature {choice_text(choice.name, feature.config)!r} twice.")
            self.features.append((key, feature))
            self.choices[key] = choice_text(choice.name, feature.config)
            self.plugins[key] = registry.find("feature", choice.name)
            checked_shape(feature, self.choices[key])
            self._ranges.append(checked_bounds(feature, self.choices[key]))

    @property
    def text(self) -> str:
        """The set as the user would type it, all settings spelled out."""
        return "+".join(self.choices.values())

    @property
    def length(self) -> int:
        """Length F of the vector."""
        return sum(math.prod(feature.shape) for _, feature in self.features)

    @property
    def needs_scene(self) -> bool:
        """Whether any of the features looks at the scene that a crop was cut from."""
        return any(feature.needs_scene for _, feature in self.features)

    @property
    def cuts_anew(self) -> bool:
        """Whether any of the features asks for another cut than a dataset's, best made from the scene."""
        return any(feature.alignment is not None for _, feature in self.features)

    def compute(
        self, crops: Sequence[FaceCrop], known: Mapping[str, NDArray[np.float32]] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """Measure N faces: key → float32 (N, *shape), in the feature's own units.

        known: values of these crops that were measured before, by key; they are not measured again.

        A feature that asks for another cut gets it from the crops' scenes, or from crops that cover it.
        Raises MienError if neither will do; and naming the plugin if a feature fails, or answers with another shape or
        dtype than it promised, or with values that are not finite.
        """
        known = known or {}
        return {
            key: known[key] if key in known else guarded_compute(feature, self.choices[key], _cut_for(feature, crops))
            for key, feature in self.features
        }

    def vector(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        """Measure N faces: float32 (N, F), each value mapped to about [-1, 1]. Raises MienError as `compute`."""
        return self.join(self.compute(crops), rows=len(crops))

    def join(self, values: Mapping[str, NDArray[np.float32]], rows: int | None = None) -> NDArray[np.float32]:
        """Join measured values, key → float32 (N, *shape), to float32 (N, F).

        Each feature is flattened and mapped by its bounds to [-1, 1]; what lies outside of its bounds stays outside.
        rows: N, which an empty set cannot know otherwise (0 if not given).
        """
        parts = [
            (values[key].reshape(len(values[key]), math.prod(feature.shape)) - low) * (2 / (high - low)) - 1
            for (key, feature), (low, high) in zip(self.features, self._ranges, strict=True)
        ]
        if not parts:
            return np.zeros((rows or 0, 0), np.float32)
        return np.concatenate(parts, axis=1, dtype=np.float32)


def _cut_for(feature: Feature, crops: Sequence[FaceCrop]) -> Sequence[FaceCrop]:
    """The crops as the feature needs them, with the masks that they had."""
    alignment = feature.alignment
    return crops if alignment is None else [recut(crop, alignment) for crop in crops]


def feature_key(name: str, config: PluginConfig) -> str:
    """A feature's name with all its settings, as `landmarks-points=28`; safe as a file's stem on every system.

    A file of weights stands in it by its digest: the same one elsewhere is the same feature.
    """
    values = {field: getattr(config, field) for field in settings_as_text(config)}
    digests = {field: value.sha256[:16] for field, value in values.items() if isinstance(value, WeightsFile)}
    settings = [f"{field}={value}" for field, value in {**settings_as_text(config), **digests}.items()]
    return quote("-".join([name, ",".join(settings)] if settings else [name]), safe="=,[]+ ")
