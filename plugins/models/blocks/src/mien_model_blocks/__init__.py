"""Registers the model `blocks`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> list[PluginSpec]:
    """The one model of this distribution."""
    return [
        PluginSpec(
            "blocks", "mien_model_blocks.model:Blocks", "hides a head under a few blocks; no training", contract=2
        )
    ]
