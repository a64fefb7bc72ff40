"""Registers the masker `brows`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_maskers() -> list[PluginSpec]:
    """The one masker of this distribution."""
    return [
        PluginSpec("brows", "mien_masker_brows.brows:Brows", "the landmarks' hull, raised above the brows", contract=1)
    ]
