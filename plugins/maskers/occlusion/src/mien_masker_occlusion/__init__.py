"""Registers the masker `occlusion`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_maskers() -> list[PluginSpec]:
    """The one masker of this distribution."""
    return [
        PluginSpec(
            "occlusion",
            "mien_masker_occlusion.occlusion:Occlusion",
            "hair and other things in front of the face; join it: hull+occlusion",
            contract=1,
        )
    ]
