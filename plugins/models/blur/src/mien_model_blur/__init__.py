"""Registers the model `blur`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> list[PluginSpec]:
    """The one model of this distribution."""
    return [
        PluginSpec(
            "blur", "mien_model_blur.model:Blur", "hides a head under a blur of a few colors; no training", contract=2
        )
    ]
