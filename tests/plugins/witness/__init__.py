"""Registers the model `witness`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> list[PluginSpec]:
    """The one model of this distribution."""
    return [PluginSpec("witness", f"{__name__}.model:Witness", "keeps what it is shown", contract=2)]
