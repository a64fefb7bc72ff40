"""Registers the blender `multiband`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_blenders() -> list[PluginSpec]:
    """The one blender of this distribution."""
    return [
        PluginSpec(
            "multiband",
            "mien_blender_multiband.multiband:Multiband",
            "Laplacian pyramid: coarse colors fade widely, fine detail narrowly",
            contract=2,
        )
    ]
