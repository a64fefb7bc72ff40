"""mien plugin: the model `latent`."""

from collections.abc import Iterable

from mien.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> Iterable[PluginSpec]:
    """The model."""
    return [PluginSpec("latent", "mien_model_latent.model:Latent", "decoder that draws one person from features")]
