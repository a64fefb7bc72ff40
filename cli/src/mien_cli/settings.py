"""How a plugin's settings are told to a person: type, default and limits of each, read from their JSON schema."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from rich import box
from rich.table import Table
from rich.text import Text

_TYPES = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "null": "none",
    "object": "table",
}
_LIMITS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "multipleOf": "a multiple of {}",
    "minItems": "at least {} values",
    "maxItems": "at most {} values",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "matches {}",
}


class Setting(NamedTuple):
    """One setting, in words."""

    name: str
    type: str
    default: str
    limits: str
    description: str


def settings_of(schema: Mapping[str, Any]) -> list[Setting]:
    """The settings of a configuration, in its own order.

    schema: the JSON schema of a `PluginConfig`, as its `model_json_schema()` returns it.
    """
    definitions = schema.get("$defs", {})
    required = schema.get("required", [])
    return [
        Setting(
            name,
            _type(field, definitions),
            "required" if name in required else as_typed(field.get("default")),
            ", ".join(_limits(field, definitions)),
            " ".join(field.get("description", "").split()),
        )
        for name, field in schema.get("properties", {}).items()
    ]


def table_of(settings: list[Setting]) -> Table:
    """A row for each setting."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Setting", no_wrap=True, style="bold cyan")
    table.add_column("Type")
    table.add_column("Default")
    table.add_column("Limits")
    table.add_column("What it does")
    for setting in settings:
        table.add_row(*(Text(cell) for cell in setting))
    return table


def as_typed(value: object) -> str:
    """A value as the user would type it after `key=`."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ",".join(as_typed(item) for item in value) + "]"
    return str(value)


def _type(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    field = _resolved(field, definitions)
    if "enum" in field:
        return " | ".join(as_typed(value) for value in field["enum"])
    if "const" in field:
        return as_typed(field["const"])
    if "anyOf" in field:
        return " | ".join(dict.fromkeys(_type(option, definitions) for option in field["anyOf"]))
    if field.get("type") == "array":
        items = field["items"] if "items" in field else (field.get("prefixItems") or [{}])[0]
        return f"list of {_type(items, definitions)}"
    return _TYPES.get(field.get("type", ""), "anything")


def _limits(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> list[str]:
    field = _resolved(field, definitions)
    inner = [_resolved(option, definitions) for option in field.get("anyOf", [])]
    if isinstance(field.get("items"), Mapping):
        inner.append(_resolved(field["items"], definitions))
    return [text.format(part[key]) for part in (field, *inner) for key, text in _LIMITS.items() if key in part]


def _resolved(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in field:
        return dict(definitions[field["$ref"].rpartition("/")[2]])
    return field
