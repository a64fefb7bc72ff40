"""Registers models that draw colors, and what draws and finds as the plugins of `mirror` do."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> list[PluginSpec]:
    """Of people who do not exist, but for one."""
    return [
        PluginSpec("colors", f"{__name__}.models:Colors", "a color for each person", contract=2),
        PluginSpec("fickle", f"{__name__}.models:Fickle", "a color, but in bright light some do not", contract=2),
        PluginSpec("green", f"{__name__}.models:Green", "all green", contract=2),
        PluginSpec("reflection", f"{__name__}.models:Mirror", "what it sees, as nobody who exists", contract=2),
        PluginSpec("known", f"{__name__}.models:OfKnown", "those whom it was trained on", contract=2),
    ]


@hookimpl
def register_blenders() -> list[PluginSpec]:
    """Paste."""
    return [PluginSpec("paste", "mirror.blender:Paste", "the face, pasted", contract=2)]


@hookimpl
def register_extractors() -> list[PluginSpec]:
    """Some of the faces that dlib finds."""
    return [
        PluginSpec("blinkered", "mirror.extractor:Blinkered", "sees nothing beside magenta", contract=2),
        PluginSpec("half", f"{__name__}.extractors:Half", "sees the left half of an image only", contract=2),
        PluginSpec("half_boxes", f"{__name__}.extractors:HalfBoxes", "landmarks in the left half only", contract=2),
        PluginSpec("boxes", f"{__name__}.extractors:Boxes", "boxes without landmarks", contract=2),
    ]
