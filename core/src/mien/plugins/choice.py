"""How a plugin is named by a user: `name:key=value,key=value`, and a feature set: `name:…+name:…`."""

import json
import keyword
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mien.errors import MienError

if TYPE_CHECKING:  # it loads pydantic, which listing plugins does without
    from mien.contracts.plugin import PluginConfig

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class PluginChoice:
    """A plugin's name and the settings that the user gave it."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """As text, as it was typed, or as values."""

    def __str__(self) -> str:
        settings = ",".join(f"{key}={value}" for key, value in self.settings.items())
        return f"{self.name}:{settings}" if settings else self.name


def check_name(name: str, what: str, command: str) -> None:
    """Raise MienError unless a plugin, or a run, may have that name, which is part of a distribution's and a package's.

    what: what is to have it: "plugin". command: what to type instead; {} stands for a name that may be one.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise MienError(
            f"{name!r} cannot be a {what}'s name: lower case letters, digits and single underscores, a letter first.",
            command.format(_possible(name)),
        )


def _possible(name: str) -> str:
    """The nearest name that may be one."""
    found = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")
    return f"my_{found}" if keyword.iskeyword(found) or not found else found


def parse_choice(text: str) -> PluginChoice:
    """Read `name:key=value,key=value`. A value in brackets may hold commas: `widths=[64,128]`.

    Raises MienError if the name is missing, a setting is not `key=value` or stands there twice, or a bracket is
    without its other half.
    """
    name, _, rest = text.partition(":")
    name = name.strip()
    if not name:
        raise MienError(f"{text!r} names no plugin.", "Write it as name or name:key=value,key=value.")
    settings: dict[str, str] = {}
    for part in _split_outside_brackets(rest, ",") if rest.strip() else []:
        key, equals, value = part.partition("=")
        key = key.strip()
        if not equals or not key:
            raise MienError(f"{part!r} in {text!r} is not key=value.", f"Write it as {name}:key=value,key=value.")
        if key in settings:
            raise MienError(f"{text!r} sets {key!r} twice.", f"Write it as {name}:{key}={value.strip()}.")
        settings[key] = value.strip()
    return PluginChoice(name, settings)


def parse_choices(text: str) -> list[PluginChoice]:
    """Read several plugins joined by `+`, as in `landmarks:points=28+thumbnail:size=8`; none of "".

    Raises MienError as `parse_choice`.
    """
    return [parse_choice(part) for part in _split_outside_brackets(text, "+")] if text.strip() else []


def choice_text(name: str, config: "PluginConfig") -> str:
    """What the user would type for a plugin with exactly this configuration, as `landmarks:points=28`."""
    return _joined(name, settings_as_text(config))


def changed_settings(name: str, config: "PluginConfig") -> str:
    """The same, without the settings that are as they are by default."""
    fields = type(config).model_fields.items()
    changed = {key for key, of in fields if getattr(config, key) != of.get_default(call_default_factory=True)}
    return _joined(name, settings_as_text(config, changed))


def settings_as_text(config: "PluginConfig", only: Collection[str] | None = None) -> dict[str, str]:
    """Each setting as the user would type its value. only: of those fields; None: all that are not None anyway."""
    values = config.model_dump(mode="json")
    defaults = {name: field.default for name, field in type(config).model_fields.items()}
    return {
        field: "none"
        if value is None
        else value
        if isinstance(value, str)
        else json.dumps(value, separators=(",", ":"))
        for field, value in values.items()
        if (field in only if only is not None else not (value is None and defaults[field] is None))
    }


def _joined(name: str, settings: Mapping[str, str]) -> str:
    text = ",".join(f"{field}={value}" for field, value in settings.items())
    return f"{name}:{text}" if text else name


def _split_outside_brackets(text: str, separator: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character in "[(") - (character in "])")
        if depth < 0:
            break
        if character == separator and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    if depth:
        raise MienError(f"A bracket in {text!r} is without its other half.", "Write a list as key=[1,2,3].")
    return [*parts, text[start:]]
