"""Registers the feature `encoding`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_features() -> list[PluginSpec]:
    """The one feature of this distribution."""
    return [
        PluginSpec(
            "encoding",
            "mien_feature_encoding.encoding:Encoding",
            "dlib's 128-d face encoding: who it is",
            contract=2,
            weights_license="public domain (CC0)",  # https://github.com/davisking/dlib-models, face_recognition_models
        )
    ]
