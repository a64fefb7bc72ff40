"""How faces are made of images: all that decides what comes out, and a key for each piece of work."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mien
from mien.dataset.info import FORMAT_VERSION, LANDMARKS, MASKS, DatasetInfo, FeatureInfo, sizes_up_to
from mien.errors import MienError
from mien.geometry.alignment import AlignmentConfig
from mien.plugins.choice import parse_choices
from mien.plugins.feature_set import FeatureSet, choice_text
from mien.plugins.registry import Registry


@dataclass(frozen=True, slots=True)
class Recipe:
    """All settings of preprocessing that change its result. The fields are as in DatasetInfo."""

    extractor: str
    extractor_distribution: str
    extractor_version: str
    alignment: AlignmentConfig
    features: tuple[FeatureInfo, ...]
    keep_person: tuple[float, ...] | None
    largest: bool
    images: bool

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sides of the crops in pixels, smallest first."""
        return sizes_up_to(self.alignment.size)

    @property
    def arrays(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Every array: name → dtype and shape of a row."""
        size = self.alignment.size
        return {
            **{f"images{side}": ("uint8", (side, side, 3)) for side in self.sizes},
            MASKS: ("uint8", (size, size)),
            LANDMARKS: ("float32", (68, 2)),
            **{feature.key: ("float32", feature.shape) for feature in self.features},
        }

    @property
    def features_text(self) -> str:
        """The features as the user would type them."""
        return "+".join(feature.choice for feature in self.features)

    def key(self, *parts: object) -> str:
        """A name for a piece of work by this recipe: another recipe, other parts or another mien give another key."""
        settings = [FORMAT_VERSION, mien.__version__, self.extractor, self.extractor_distribution]
        settings += [self.extractor_version, self.alignment.model_dump(), self.keep_person, self.largest, self.images]
        features = [(feature.choice, feature.distribution, feature.version) for feature in self.features]
        text = json.dumps([*settings, features, *parts])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def described(features: FeatureSet) -> tuple[FeatureInfo, ...]:
    """What a dataset notes of its features. Raises MienError if a feature's files would be taken for other arrays."""
    infos = []
    for key, feature in features.features:
        plugin = features.plugins[key]
        if key in (MASKS, LANDMARKS) or (key.startswith("images") and key[6:].isdigit()):
            raise MienError(
                f"A feature cannot be called {key!r}: a dataset has an array of that name.",
                f"Report it to the makers of {plugin.distribution}.",
            )
        infos.append(
            FeatureInfo(
                choice=features.choices[key],
                key=key,
                distribution=plugin.distribution,
                version=plugin.version,
                shape=tuple(feature.shape),
                bounds=feature.bounds,
            )
        )
    return tuple(infos)


def extractor_text(extractor: str, registry: Registry) -> tuple[str, str, str]:
    """Extractors with all their settings spelled out, their distributions and versions, each joined by `+`.

    Raises MienError if one is unknown.
    """
    names: list[str] = []
    distributions: list[str] = []
    versions: list[str] = []
    for choice in parse_choices(extractor):
        _, config = registry.configure("extractor", choice)
        plugin = registry.find("extractor", choice.name)
        names.append(choice_text(choice.name, config))
        distributions.append(plugin.distribution)
        versions.append(plugin.version)
    return "+".join(names), "+".join(distributions), "+".join(versions)


def refuse_another_recipe(path: Path, info: DatasetInfo, recipe: Recipe, detects: bool) -> None:
    """Raise MienError if a dataset was made otherwise than it is now asked for.

    detects: whether faces have to be found in new images; only then does the extractor's version matter.
    """
    pairs: Sequence[tuple[str, object, object]] = [
        ("the extractor", info.extractor, recipe.extractor),
        ("the alignment", _fields(info.alignment), _fields(recipe.alignment)),
        ("all faces of an image" if recipe.largest else "", info.largest, recipe.largest),
        ("faces of another person", info.keep_person, recipe.keep_person),
        ("no images in images/", info.images, recipe.images),
    ]
    made_by = (info.extractor_distribution, info.extractor_version)
    for what, before, now in pairs:
        if before != now:
            said = f"{before}, and you asked for {now}" if isinstance(now, str) else "and you asked for something else"
            raise _made_otherwise(path, f"with {what} {said}" if isinstance(now, str) else f"with {what}, {said}")
    if detects and made_by != (recipe.extractor_distribution, recipe.extractor_version):
        now_by = f"{recipe.extractor_distribution} {recipe.extractor_version}"
        raise _made_otherwise(path, f"by {' '.join(made_by)}, but {now_by} is installed, which may find other faces")


def _made_otherwise(path: Path, how: str) -> MienError:
    return MienError(
        f"The dataset {path} was made {how}. Faces of both do not belong in one dataset.",
        f"Give another folder, or make it anew: mien preprocess {path} --again",
    )


def _fields(config: AlignmentConfig) -> str:
    return ",".join(f"{field}={value}" for field, value in config)
