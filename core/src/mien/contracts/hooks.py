"""Every hook of mien on one screen. A plugin answers one of them with light specs; nothing heavy is imported for that.

    from mien.contracts.hooks import PluginSpec, hookimpl

    @hookimpl
    def register_features():
        return [PluginSpec("thumbnail", "mien_feature_thumbnail.thumbnail:Thumbnail", "the crop at n×n pixels")]

and in the plugin's pyproject.toml

    [project.entry-points.mien]
    thumbnail = "mien_feature_thumbnail"
"""

from collections.abc import Iterable
from dataclasses import dataclass

import pluggy

GROUP = "mien"
CONTRACT = 1
"""Version of the contracts: the four base classes, and what crosses them. It grows when a plugin has to be changed."""
hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@dataclass(frozen=True, slots=True)
class PluginSpec:
    """What the registry knows of a plugin before anybody uses it."""

    name: str
    """What the user types."""
    target: str
    """Where the class is, as "package.module:Class"; imported when the plugin is first used."""
    summary: str
    """One line for the table of plugins."""
    weights_license: str = "no weights"
    """Under which licence the weights stand that the plugin brings or loads."""
    contract: int = 1
    """Which version of the contracts the plugin was written for: `mien.contracts.hooks.CONTRACT` at that time. One
    that was written for another version than the installed core's is listed with that reason, and not used."""


@hookspec
def register_extractors() -> Iterable[PluginSpec]:
    """Classes that find faces and their landmarks: subclasses of `mien.Extractor`."""
    raise NotImplementedError


@hookspec
def register_features() -> Iterable[PluginSpec]:
    """Classes that measure a face: subclasses of `mien.Feature`."""
    raise NotImplementedError


@hookspec
def register_maskers() -> Iterable[PluginSpec]:
    """Classes that say what of a crop is face: subclasses of `mien.contracts.masker.Masker`."""
    raise NotImplementedError


@hookspec
def register_models() -> Iterable[PluginSpec]:
    """Classes that draw a face: subclasses of `mien.Model`."""
    raise NotImplementedError


@hookspec
def register_blenders() -> Iterable[PluginSpec]:
    """Classes that set a face back into the scene: subclasses of `mien.Blender`."""
    raise NotImplementedError


HOOK_OF_KIND = {
    "extractor": "register_extractors",
    "feature": "register_features",
    "masker": "register_maskers",
    "model": "register_models",
    "blender": "register_blenders",
}
