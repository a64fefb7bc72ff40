"""Registers the feature `landmarks`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_features() -> list[PluginSpec]:
    """The one feature of this distribution."""
    return [
        PluginSpec(
            "landmarks",
            "mien_feature_landmarks.landmarks:LandmarksFeature",
            "where eyes, brows, nose, mouth and chin are in the crop",
            contract=2,
        )
    ]
