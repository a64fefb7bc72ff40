"""How a plugin registers itself: a hook answers with light specs, and nothing heavy is imported for that.

    from mien.contracts.hooks import PluginSpec, hookimpl

    @hookimpl
    def register_features():
        return [
            PluginSpec(
                "thumbnail", "mien_feature_thumbnail.thumbnail:Thumbnail", "the crop at n×n pixels", contract=2
            )
        ]

and in the plugin's pyproject.toml

    [project.entry-points.mien]
    thumbnail = "mien_feature_thumbnail"

Each kind has a hook of its own, `register_extractors` and so on: the table of kinds, `mien.plugins.kinds`, lists them.
A trained run is registered by `register_runs`, which answers with a `RunSpec` for each; `mien export --package` writes
that.
"""

from dataclasses import KW_ONLY, dataclass

import pluggy

GROUP = "mien"
"""The group of entry points, and the name of the project for pluggy."""
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
    _: KW_ONLY
    contract: int
    """Which version of its kind's contract the plugin was written for, as `mien.plugins.kinds` has it. One that was
    written for another version than the installed core's is listed with that reason, and not used."""
    weights_license: str = "no weights"
    """Under which license the weights stand that the plugin brings or loads."""


RUN_CONTRACT = 1
"""The version of what a distribution with a run has to hold: a package with a folder `run/`."""


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What the registry knows of an installed run before anybody uses it."""

    name: str
    """What the user types wherever a run is named."""
    package: str
    """The package in whose folder `run/` the run lies."""
    summary: str
    """One line for the table of runs: what it draws."""
    _: KW_ONLY
    contract: int
    """The `RUN_CONTRACT` that it was written for."""
    license: str = "not stated"
    """Under which license its weights stand."""
    data_license: str = "not stated"
    """Under which license the data stand that it was trained on."""
