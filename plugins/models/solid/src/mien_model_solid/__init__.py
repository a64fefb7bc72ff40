"""Registers the model `solid`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> list[PluginSpec]:
    """The one model of this distribution."""
    return [
        PluginSpec("solid", "mien_model_solid.model:Solid", "hides a head under one color; no training", contract=2)
    ]
