"""mien plugin: the model `morph`."""

from collections.abc import Iterable

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> Iterable[PluginSpec]:
    """The model."""
    summary = "drawn with photographs: somebody of the run, or people who do not exist, mixed of four and more"
    return [PluginSpec("morph", "mien_model_morph.model:Morph", summary, contract=2)]
