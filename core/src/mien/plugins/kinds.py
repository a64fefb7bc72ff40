"""The kinds of plugins, a row each. Whatever differs from kind to kind outside of its contract stands here.

A new kind is a row of this table and its files: the contract, the contract tests, the template and a page of the docs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any

from mien.contracts.hooks import PluginSpec, hookspec


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of plugin."""

    name: str
    """What it is called: "extractor"."""
    contract: int
    """The version of its contract. It grows by one when a plugin that keeps it would have to change; a new optional
    attribute changes nothing."""
    does: str
    """What its plugins do, as words that follow their name."""
    example: str
    """What the plugin of the template does, in one line."""
    use: str
    """A command that uses a plugin of the kind; {} stands for the plugin's choice."""
    made_alone: bool = True
    """Whether `Registry.create` can make it of its settings alone. A model needs to know the data as well."""
    spec: type[PluginSpec] = PluginSpec
    """What its hook answers with: a subclass where the registration of the kind says more than that of others."""

    @property
    def plural(self) -> str:
        """What its folder is called: "extractors"."""
        return f"{self.name}s"

    @property
    def hook(self) -> str:
        """The hook that registers its plugins."""
        return f"register_{self.plural}"

    @property
    def base(self) -> str:
        """The class that its plugins derive from, as "package.module:Class"."""
        return f"mien.contracts.{self.name}:{self.name.capitalize()}"

    @property
    def tests(self) -> str:
        """The class with its contract tests, as "package.module:Class"."""
        return f"mien.testing.{self.name}:{self.name.capitalize()}Contract"


def _table(*kinds: Kind) -> MappingProxyType[str, Kind]:
    return MappingProxyType({kind.name: kind for kind in kinds})


KINDS = _table(
    Kind(
        "extractor",
        contract=2,
        does="finds the faces of an image, and their landmarks",
        example="finds frontal faces and their 68 landmarks by dlib",
        use="mien preprocess DATASET --extractor {}",
    ),
    Kind(
        "feature",
        contract=2,
        does="measures a face",
        example="how bright the face is, from its top to its bottom",
        use="mien preprocess DATASET --features {}",
    ),
    Kind(
        "masker",
        contract=1,
        does="says what of a crop is face",
        example="an ellipse about the landmarks",
        use="mien preprocess DATASET --masker {}",
    ),
    Kind(
        "model",
        contract=2,
        does="draws a face",
        example="one encoder for everybody, a decoder for each person",
        use="mien train {} DATASET --run RUN",
        made_alone=False,
    ),
    Kind(
        "enhancer",
        contract=1,
        does="changes a drawn face before it is set into the scene",
        example="sharpens the drawn face, as much as you like",
        use="mien swap RUN INPUT OUTPUT --to PERSON --enhance {}",
    ),
    Kind(
        "blender",
        contract=2,
        does="sets a face back into the scene",
        example="the face over the scene, as opaque as you like",
        use="mien swap RUN INPUT OUTPUT --to PERSON --blender {}",
    ),
)
"""Every kind by its name, in the order of a face's way."""


def load(place: str) -> Any:
    """What stands at "package.module:name". It is imported here and not above: some of it loads torch."""
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def hookspecs() -> type:
    """The hooks of all kinds as pluggy reads them: a function without arguments for each."""
    return type("Hooks", (), {kind.hook: staticmethod(_hookspec(kind)) for kind in KINDS.values()})


def _hookspec(kind: Kind) -> Any:
    def register() -> Iterable[PluginSpec]:
        raise NotImplementedError

    register.__name__, register.__doc__ = kind.hook, f"Classes of the kind {kind.name}: each {kind.does}."
    return hookspec(register)
