"""Registers maskers of every sort: that add, subtract, need the scene or another cut."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_maskers() -> list[PluginSpec]:
    """Five of them."""
    return [
        PluginSpec("half", f"{__name__}.maskers:Half", "half of the crop", contract=1),
        PluginSpec("infront", f"{__name__}.maskers:InFront", "half of the crop, in front of the face", contract=1),
        PluginSpec("thin", f"{__name__}.maskers:Thin", "the same, thin", contract=1),
        PluginSpec("blot", f"{__name__}.maskers:Blot", "a blot on the nose, by the published alignment", contract=1),
        PluginSpec("scene", f"{__name__}.maskers:Scene", "whether there is a scene", contract=1),
    ]
