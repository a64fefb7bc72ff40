"""Registers the model `cgan`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> list[PluginSpec]:
    """The one model of this distribution."""
    return [
        PluginSpec(
            "cgan",
            "mien_model_cgan.model:Cgan",
            "draws people who do not exist, posed as features say, 64×64",
            contract=2,
        )
    ]
