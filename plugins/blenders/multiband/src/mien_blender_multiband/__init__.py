"""Registers the blender `multiband`."""

from mien.hooks import PluginSpec, hookimpl


@hookimpl
def register_blenders() -> list[PluginSpec]:
    """The one blender of this distribution."""
    return [
        PluginSpec(
            "multiband",
            "mien_blender_multiband.multiband:Multiband",
            "Laplacian pyramid: coarse colours fade widely, fine detail narrowly",
        )
    ]
