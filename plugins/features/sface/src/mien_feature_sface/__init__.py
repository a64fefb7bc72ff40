"""Registers the feature `sface`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_features() -> list[PluginSpec]:
    """The one feature of this distribution."""
    return [
        PluginSpec(
            "sface",
            "mien_feature_sface.sface:SFace",
            "SFace's 128-d face encoding: a second opinion on who it is",
            contract=2,
            weights_license="Apache-2.0",  # https://github.com/opencv/opencv_zoo/tree/main/models/face_recognition_sface
        )
    ]
