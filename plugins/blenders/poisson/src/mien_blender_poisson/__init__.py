"""Registers the blender `poisson`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_blenders() -> list[PluginSpec]:
    """The one blender of this distribution."""
    return [
        PluginSpec(
            "poisson",
            "mien_blender_poisson.poisson:Poisson",
            "seamless cloning: the face's gradients, joined to the scene at the mask's edge",
            contract=2,
        )
    ]
