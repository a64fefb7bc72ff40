"""mien plugin: the models `morph`, `likeness` and `identities`."""

from collections.abc import Iterable

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> Iterable[PluginSpec]:
    """The models."""
    morph = "drawn with photographs: somebody of the run, or people who do not exist, mixed of four and more"
    likeness = "drawn as by morph: somebody of the run; light, shade and features are learned by a recognizer"
    identities = "people who do not exist, as morph mixes them; looks are learned, so that no two are alike"
    return [
        PluginSpec("morph", "mien_model_morph.model:Morph", morph, contract=2),
        PluginSpec("likeness", "mien_model_morph.learned.likeness:Likeness", likeness, contract=2),
        PluginSpec("identities", "mien_model_morph.learned.identities:Identities", identities, contract=2),
    ]
