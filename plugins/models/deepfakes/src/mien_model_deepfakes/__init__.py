"""mien plugin: the model `deepfakes`."""

from collections.abc import Iterable

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> Iterable[PluginSpec]:
    """The model."""
    return [
        PluginSpec(
            "deepfakes",
            "mien_model_deepfakes.model:Deepfakes",
            "autoencoder of two people: shared encoder, a decoder each",
            contract=2,
        )
    ]
