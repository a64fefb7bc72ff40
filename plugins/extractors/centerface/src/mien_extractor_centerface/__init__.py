"""Registers the extractor `centerface`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_extractors() -> list[PluginSpec]:
    """The one extractor of this distribution."""
    return [
        PluginSpec(
            "centerface",
            "mien_extractor_centerface.centerface:CenterFace",
            "CenterFace: faces from 12 pixels on, with five points and no landmarks, on a CPU",
            contract=2,
            weights_license="MIT",
        )
    ]
