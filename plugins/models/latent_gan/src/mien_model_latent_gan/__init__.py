"""Registers the model `latent_gan`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> list[PluginSpec]:
    """The one model of this distribution."""
    return [
        PluginSpec(
            "latent_gan",
            "mien_model_latent_gan.model:LatentGan",
            "decoder that draws one person from features, sharpened by a discriminator",
            contract=2,
        )
    ]
