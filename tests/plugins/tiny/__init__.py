"""Registers the model `tiny`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> list[PluginSpec]:
    """The one model of this distribution."""
    return [PluginSpec("tiny", f"{__name__}.model:Tiny", "a convolution", contract=2)]
