"""How faces are made of images: all that decides what comes out, and a key for each piece of work."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mien
from mien.dataset.info import (
    CROPS,
    FORMAT_VERSION,
    LANDMARKS,
    MASKS,
    DatasetInfo,
    FeatureInfo,
    People,
    command_to_remake,
    copy_sizes,
    options_of,
)
from mien.errors import MienError
from mien.geometry.alignment import AlignmentConfig
from mien.media.part import WHOLE, Part, clock_of
from mien.plugins.choice import choice_text, parse_choices
from mien.plugins.feature_set import FeatureSet
from mien.plugins.registry import Registry
from mien.tracking.recognizer_record import RecognizerRecord, StoredEncoding

SHARD_VERSION = 2
"""Of what a piece of work leaves on disk (`mien.dataset.shard`): what was left otherwise is not taken up."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All settings of preprocessing that change its result. The fields are as in DatasetInfo."""

    extractor: str
    extractor_distribution: str
    extractor_version: str
    alignment: AlignmentConfig
    masker: str
    masker_distributions: tuple[str, ...]
    people: People
    features: tuple[FeatureInfo, ...]
    recognizer: RecognizerRecord | None
    keep_person: StoredEncoding | None
    largest: bool
    copies: bool
    """Whether the small copies are written at all."""
    images: bool
    """Whether they are written as images, too."""
    part: Part = WHOLE
    """What of videos is read."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sides of the small copies in pixels, smallest first."""
        return copy_sizes(self.alignment.size) if self.copies else ()

    @property
    def arrays(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Every array: name → dtype and shape of a row."""
        size = self.alignment.size
        return {
            **{f"images{side}": ("uint8", (side, side, 3)) for side in self.sizes},
            CROPS: ("uint8", (size, size, 3)),
            MASKS: ("uint8", (size, size)),
            LANDMARKS: ("float32", (68, 2)),
            **{feature.key: ("float32", feature.shape) for feature in self.features},
        }

    @property
    def features_text(self) -> str:
        """The features as the user would type them."""
        return "+".join(feature.choice for feature in self.features)

    def as_options(self) -> str:
        """As options of `mien preprocess`."""
        return options_of(
            extractor=self.extractor,
            alignment=self.alignment,
            masker=self.masker,
            features=self.features_text,
            people=self.people,
            largest=self.largest,
            copies=self.copies,
            images=self.images,
            keeps_person=self.keep_person is not None,
            part=self.part,
        )

    def key(self, *parts: object) -> str:
        """A name for a piece of work by this recipe: another recipe, other parts or another mien give another key."""
        settings = [FORMAT_VERSION, SHARD_VERSION, mien.__version__, self.extractor, self.extractor_distribution]
        settings += [self.extractor_version, self.alignment.model_dump(), self.largest, self.images]
        settings += [record and record.model_dump() for record in (self.recognizer, self.keep_person)]
        settings += [self.masker, self.masker_distributions, self.copies, *map(str, (self.part.start, self.part.end))]
        features = [(feature.choice, feature.distribution, feature.version) for feature in self.features]
        text = json.dumps([*settings, features, *parts])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def described(features: FeatureSet) -> tuple[FeatureInfo, ...]:
    """What a dataset notes of its features. Raises MienError if a feature's files would be taken for other arrays."""
    infos = []
    for key, feature in features.features:
        plugin = features.plugins[key]
        if key in (CROPS, MASKS, LANDMARKS) or (key.startswith("images") and key[6:].isdigit()):
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
        ("the alignment", str(info.alignment), str(recipe.alignment)),
        ("the masker", info.masker, recipe.masker),
        ("the people", info.people, recipe.people),
        ("all faces of an image" if recipe.largest else "", info.largest, recipe.largest),
        ("faces of another person", _values(info.keep_person), _values(recipe.keep_person)),
        ("no small copies", bool(info.sizes), recipe.copies),
        ("no images in images/", info.images, recipe.images),
        ("videos", _read_of(info.part), _read_of(recipe.part)),
    ]
    refuse_another_recognizer(path, info, recipe, detects)
    made_by = (f"{info.extractor_distribution} {info.extractor_version}", *info.masker_distributions)
    installed = (f"{recipe.extractor_distribution} {recipe.extractor_version}", *recipe.masker_distributions)
    for what, before, now in pairs:
        if before != now:
            difference = (
                f"{before}, and you asked for {now}" if isinstance(now, str) else "and you asked for something else"
            )
            how = f"with {what} {difference}" if isinstance(now, str) else f"with {what}, {difference}"
            raise _made_otherwise(path, info, recipe, how)
    for before_by, now_by in zip(made_by, installed, strict=True) if detects else ():
        if before_by != now_by:
            how = f"by {before_by}, but {now_by} is installed, which may see other faces"
            raise _made_otherwise(path, info, recipe, how)


def refuse_another_recognizer(path: Path, info: DatasetInfo, recipe: Recipe, detects: bool) -> None:
    """Raise MienError if the encodings that a dataset was made by are another recognizer's than is now to be used.

    detects: whether new faces have to be compared with them; only then does the recognizer's version matter.
    """
    before, now = info.recognizer, recipe.recognizer
    if before is None or now is None or (before == now if detects else before.agrees_with(now)):
        return
    held = info.keep_person or before
    asked = recipe.keep_person if recipe.keep_person and recipe.keep_person.recognizer == now else now
    told_apart = " --keep-person IMAGE" if info.keep_person else ""
    told_apart += " --people recognizer" if info.people == "recognizer" else ""
    raise MienError(
        f"People were told apart in {path} by {held}, which cannot be compared with {asked}.",
        f"mien preprocess {path} --again{told_apart} --recognizer {now.choice}",
    )


def _read_of(part: Part) -> str:
    times = [(word, time) for word, time in (("from", part.start), ("to", part.end)) if time is not None]
    return " ".join(["read", *(f"{word} {clock_of(time)}" for word, time in times)] if part else ["read as a whole"])


def _values(encoding: StoredEncoding | None) -> tuple[float, ...] | None:
    return encoding.values if encoding else None


def _made_otherwise(path: Path, info: DatasetInfo, recipe: Recipe, how: str) -> MienError:
    """The fix makes it anew as it is asked for now, of the same sources."""
    return MienError(
        f"The dataset {path} was made {how}. Faces of both do not belong in one dataset.",
        f"{command_to_remake(path, info.sources, recipe.as_options())}   (or give another folder)",
    )
