"""Registers the masker `hull`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_maskers() -> list[PluginSpec]:
    """The one masker of this distribution."""
    return [PluginSpec("hull", "mien_masker_hull.hull:Hull", "the convex hull of the landmarks, dilated", contract=1)]
