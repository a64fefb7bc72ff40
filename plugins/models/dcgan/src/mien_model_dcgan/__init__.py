"""Registers the model `dcgan`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> list[PluginSpec]:
    """The one model of this distribution."""
    return [
        PluginSpec(
            "dcgan",
            "mien_model_dcgan.model:Dcgan",
            "draws people who do not exist, 64×64, without features",
            contract=2,
        )
    ]
