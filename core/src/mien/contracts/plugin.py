"""What every plugin is: a class with a typed, frozen configuration."""

import json
from abc import ABC
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, ClassVar, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from mien.errors import MienError


class PluginConfig(BaseModel):
    """A plugin's settings: one typed field each, with a docstring under it that the user gets to read."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Named sets of settings, chosen by `preset=NAME`; a setting given beside it wins."""


ConfigT = TypeVar("ConfigT", bound=PluginConfig)


class Plugin(ABC):
    """Base of all kinds. A subclass names its settings in `Config` and annotates `config` with that type."""

    Config: ClassVar[type[PluginConfig]] = PluginConfig
    config: PluginConfig
    origin: str = ""
    """Distribution and version that the plugin comes from, which the registry notes; empty if it was made by hand.
    Error messages name them."""

    def __init__(self, config: PluginConfig | None = None) -> None:
        self.config = config if config is not None else self.Config()


def read_config(
    config: type[ConfigT], settings: Mapping[str, Any], plugin: str, shown_by: str | None = None
) -> ConfigT:
    """Make a plugin's configuration of what the user gave, as values or as text: `none`, `true`, `64`, `[64,128]`.

    `preset=NAME` begins with one of the configuration's presets.
    plugin: what to call it, as "the model latent". shown_by: the command that lists its settings.
    Raises MienError naming the plugin, the field and what it takes; an unknown field or preset suggests the nearest.
    """
    settings = dict(settings)
    show = shown_by or f"mien plugins show {plugin.split()[-1]}"
    called = plugin[:1].upper() + plugin[1:]
    if "preset" in settings and "preset" not in config.model_fields:
        chosen = str(settings.pop("preset"))
        if chosen not in config.presets:
            raise MienError(f"{called} has no preset {chosen!r}. {_nearest(chosen, config.presets, 'presets')}", show)
        settings = {**config.presets[chosen], **settings}
    unknown = [key for key in settings if key not in config.model_fields]
    if unknown:
        hint = _nearest(unknown[0], config.model_fields, "settings")
        raise MienError(f"{called} has no setting {unknown[0]!r}. {hint}", show)
    for key, value in settings.items():
        if value == "none" and type(None) in get_args(config.model_fields[key].annotation):
            settings[key] = None
    try:
        return config.model_validate(settings)
    except ValidationError as error:
        refused = {problem["loc"][0] for problem in error.errors() if problem["loc"]}
    # Text that its field does not take as it stands may mean a value: a number among choices, a list.
    meant = {key: _meant(value) if key in refused else value for key, value in settings.items()}
    try:
        return config.model_validate(meant)
    except ValidationError as error:
        first = error.errors()[0]
        where = str(first["loc"][0]) if first["loc"] else "settings"
        raise MienError(f"{called}: {where} = {settings.get(where, first['input'])!r}: {first['msg']}.", show) from None


def _nearest(name: str, known: Iterable[str], what: str) -> str:
    near = get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return f"{hint}Its {what}: {', '.join(known) or 'none'}."


def _meant(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        pass
    if value.startswith("[") and value.endswith("]"):
        return [part.strip() for part in value[1:-1].split(",")]
    return value
