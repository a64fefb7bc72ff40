"""Which plugins take part in drawing, as the Content Credentials record them."""

from mien.contracts.plugin import PluginConfig, without_folders
from mien.media.provenance import PluginUse
from mien.plugins.choice import choice_text, parse_choices
from mien.plugins.registry import Registry


def plugins_used(choices: dict[str, str], registry: Registry) -> tuple[PluginUse, ...]:
    """The plugins of each kind, in order.

    choices: kind → plugin choice, or several joined by `+`; an empty one is left out. Folders are left out of settings,
    since what is recorded is published. Raises MienError for one that is not installed.
    """
    return tuple(
        plugin_used(kind, choice.name, registry.configure(kind, choice)[1], registry)
        for kind, text in choices.items()
        for choice in parse_choices(text)
    )


def plugin_used(kind: str, name: str, config: PluginConfig, registry: Registry) -> PluginUse:
    """A plugin that was made with these settings. Raises MienError if none of that name is installed."""
    plugin = registry.find(kind, name)
    return PluginUse(kind, without_folders(choice_text(name, config)), plugin.distribution, plugin.version)
