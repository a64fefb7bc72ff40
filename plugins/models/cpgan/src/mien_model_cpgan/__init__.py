"""Registers the model `cpgan`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> list[PluginSpec]:
    """The one model of this distribution."""
    return [
        PluginSpec(
            "cpgan",
            "mien_model_cpgan.model:Cpgan",
            "grows from 4×4 to 128×128; draws people who do not exist, posed as features say",
            contract=2,
        )
    ]
