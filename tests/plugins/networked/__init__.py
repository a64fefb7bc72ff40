"""Registers the feature `networked`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_features() -> list[PluginSpec]:
    """The one feature of this distribution."""
    return [PluginSpec("networked", f"{__name__}.feature:Networked", "mean color, as a network too", contract=2)]
