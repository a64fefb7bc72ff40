"""Registers the feature `freckles`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_features() -> list[PluginSpec]:
    """The one feature of this distribution."""
    return [
        PluginSpec("freckles", f"{__name__}.feature:Freckles", "how many [freckles]", contract=2, weights_license="CC0")
    ]
