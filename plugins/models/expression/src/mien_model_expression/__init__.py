"""mien plugin: the model `expression`."""

from collections.abc import Iterable

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> Iterable[PluginSpec]:
    """The model."""
    summary = "decoder driven by what a face does, whoever it is: lids, mouth, brows, gaze, pose"
    return [PluginSpec("expression", "mien_model_expression.model:Expression", summary, contract=2)]
