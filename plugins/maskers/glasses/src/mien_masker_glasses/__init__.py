"""Registers the masker `glasses`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_maskers() -> list[PluginSpec]:
    """The one masker of this distribution."""
    return [
        PluginSpec(
            "glasses",
            "mien_masker_glasses.glasses:Glasses",
            "the frames of glasses, in front of the face; join it: brows+glasses",
            contract=1,
            weights_license="MIT",
        )
    ]
