"""Registers the extractor `face_recognition`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_extractors() -> list[PluginSpec]:
    """The one extractor of this distribution."""
    return [
        PluginSpec(
            "face_recognition",
            "mien_extractor_face_recognition.extractor:FaceRecognition",
            "dlib's frontal faces with 68 landmarks, on a CPU",
            # https://github.com/davisking/dlib-models: public domain, but see its note on the 68 landmarks
            contract=2,
            weights_license="public domain; landmarks trained on iBUG 300-W, whose licence excludes commercial use",
        )
    ]
