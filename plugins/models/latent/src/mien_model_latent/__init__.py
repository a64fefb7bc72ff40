"""mien plugin: the model `latent`."""

from collections.abc import Iterable

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> Iterable[PluginSpec]:
    """The model."""
    summary = "decoder that draws one person from features"
    return [PluginSpec("latent", "mien_model_latent.model:Latent", summary, contract=2)]
