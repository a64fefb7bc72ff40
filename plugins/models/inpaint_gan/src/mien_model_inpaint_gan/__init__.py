"""Registers the model `inpaint_gan`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> list[PluginSpec]:
    """The one model of this distribution."""
    return [
        PluginSpec(
            "inpaint_gan",
            "mien_model_inpaint_gan.model:InpaintGan",
            "fills the hole of a face: posed by landmarks, somebody else by an encoding, up to 512×512",
            contract=2,
        )
    ]
