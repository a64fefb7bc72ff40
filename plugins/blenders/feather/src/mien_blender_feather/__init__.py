"""Registers the blender `feather`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_blenders() -> list[PluginSpec]:
    """The one blender of this distribution."""
    return [
        PluginSpec(
            "feather",
            "mien_blender_feather.feather:Feather",
            "a soft edge inside the face's outline, in the scene's colors",
            contract=2,
        )
    ]
