"""Registers the model `pgan`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> list[PluginSpec]:
    """The one model of this distribution."""
    return [
        PluginSpec(
            "pgan",
            "mien_model_pgan.model:Pgan",
            "grows from 4×4 to 128×128; draws people who do not exist",
            contract=2,
        )
    ]
