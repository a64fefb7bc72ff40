"""What every plugin is: a class with a typed, frozen configuration."""

from abc import ABC
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from mien.errors import MienError


class PluginConfig(BaseModel):
    """A plugin's settings: one typed field each, with a docstring under it that the user gets to read."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Named sets of settings, chosen by `preset=NAME`; a setting given beside it wins."""


ConfigT = TypeVar("ConfigT", bound=PluginConfig)


class Plugin(ABC):
    """Base of the four kinds. A subclass names its settings in `Config` and annotates `config` with that type."""

    Config: ClassVar[type[PluginConfig]] = PluginConfig
    config: PluginConfig

    def __init__(self, config: PluginConfig | None = None) -> None:
        self.config = config if config is not None else self.Config()


def read_config(config: type[ConfigT], settings: Mapping[str, Any], plugin: str) -> ConfigT:
    """Make a plugin's configuration of what the user gave, as text or as values.

    `preset=NAME` begins with one of the configuration's presets.
    Raises MienError naming the plugin, the field and what it takes; an unknown field suggests the nearest.
    """
    settings = dict(settings)
    if "preset" in settings and "preset" not in config.model_fields:
        chosen = str(settings.pop("preset"))
        if chosen not in config.presets:
            known = ", ".join(config.presets) or "none"
            raise MienError(
                f"{plugin} has no preset {chosen!r}. Its presets: {known}.", f"mien plugins show {plugin.split()[-1]}"
            )
        settings = {**config.presets[chosen], **settings}
    unknown = [key for key in settings if key not in config.model_fields]
    if unknown:
        known = list(config.model_fields)
        near = get_close_matches(unknown[0], known, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        fields = ", ".join(known) if known else "none"
        raise MienError(
            f"{plugin} has no setting {unknown[0]!r}. {hint}Its settings: {fields}.",
            f"mien plugins show {plugin.split()[-1]}",
        )
    try:
        return config.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "settings"
        raise MienError(
            f"{plugin}: {where} = {first['input']!r}: {first['msg']}.",
            f"mien plugins show {plugin.split()[-1]}",
        ) from None
