"""Registers the extractor `blazeface`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_extractors() -> list[PluginSpec]:
    """The one extractor of this distribution."""
    return [
        PluginSpec(
            "blazeface",
            "mien_extractor_blazeface.blazeface:BlazeFace",
            "BlazeFace and the face mesh: faces of all sizes with 68 landmarks, on a CPU",
            contract=2,
            weights_license="Apache-2.0",
        )
    ]
