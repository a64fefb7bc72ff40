"""Registers the feature `blendshapes`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_features() -> list[PluginSpec]:
    """The one feature of this distribution."""
    return [
        PluginSpec(
            "blendshapes",
            "mien_feature_blendshapes.blendshapes:Blendshapes",
            "the expression as 52 weights: jaw, lids, brows, gaze",
            contract=2,
            weights_license="Apache-2.0",  # https://github.com/google-ai-edge/mediapipe
        )
    ]
