"""Registers the masker `hands`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_maskers() -> list[PluginSpec]:
    """The one masker of this distribution."""
    return [
        PluginSpec(
            "hands",
            "mien_masker_hands.hands:Hands",
            "hands in front of the face, found by their bones; join it: hull+hands",
            contract=1,
            weights_license="Apache-2.0",
        )
    ]
