"""Plugins as the field would write them: each is tiny, and none adds a line to the core."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_extractors() -> list[PluginSpec]:
    return [
        PluginSpec("five", "foreign.extractors:FivePoints", "five points of each face", contract=2),
        PluginSpec("mesh", "foreign.extractors:Mesh", "68 and 478 points of each face", contract=2),
        PluginSpec("boxes", "foreign.extractors:Boxes", "a box of each face", contract=2),
    ]


@hookimpl
def register_features() -> list[PluginSpec]:
    return [PluginSpec("cosine", "foreign.features:Cosine", "a recognizer that goes by the cosine", contract=2)]


@hookimpl
def register_maskers() -> list[PluginSpec]:
    return [
        PluginSpec("bars", "foreign.maskers:Bars", "white bars in front of a face", contract=1),
        PluginSpec("wires", "foreign.maskers:Wires", "the same, thin", contract=1),
        PluginSpec("beams", "foreign.maskers:Beams", "the same, seldom there", contract=1),
    ]


@hookimpl
def register_models() -> list[PluginSpec]:
    return [
        PluginSpec("one_shot", "foreign.models:OneShot", "the face of a reference image, by its own cut", contract=2),
        PluginSpec("pairs", "foreign.models:Pairs", "256 px, with a recognizer in its loss", contract=2),
        PluginSpec("inpainter", "foreign.models:Inpainter", "noise that spreads what is around a face", contract=2),
        PluginSpec("photographs", "foreign.models:Photographs", "the nearest training face", contract=2),
        PluginSpec("window", "foreign.models:Window", "the mean of three frames", contract=2),
        PluginSpec("cells", "foreign.models:Cells", "blocks over the whole head", contract=2),
    ]


@hookimpl
def register_enhancers() -> list[PluginSpec]:
    return [PluginSpec("grain", "foreign.enhancers:Grain", "grain, and twice the size", contract=1)]
