"""mien plugin: the model `morph`."""

from collections.abc import Iterable

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> Iterable[PluginSpec]:
    """The model."""
    summary = "people who do not exist, mixed of photographs of at least four; needs no training"
    return [PluginSpec("morph", "mien_model_morph.model:Morph", summary, contract=2)]
