"""What every plugin is: a class with a typed, frozen configuration."""

import hashlib
import json
import re
from abc import ABC
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, get_args
from urllib.parse import quote, unquote

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from mien.errors import MienError


class PluginConfig(BaseModel):
    """A plugin's settings: one typed field each, with a docstring under it that the user gets to read.

    Numbers are finite.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Named sets of settings, chosen by `preset=NAME`; a setting given beside it wins."""


ConfigT = TypeVar("ConfigT", bound=PluginConfig)
_DIGEST = "#sha256="
_FOLDER_OF_WEIGHTS = re.compile(rf"[\w.~%/-]*/(?=[\w.~%-]+{_DIGEST})")


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """The type of a setting that names a file of weights which the user has: `weights: WeightsFile`.

    Whatever records the setting records the file's SHA-256 beside its path, and takes no other file for it afterwards.
    `mien export` ships neither the file nor the name of its folder: whoever uses the run puts a file of that name into
    the folder that they call mien in.
    """

    path: Path
    """Absolute."""
    sha256: str
    """Of what the file holds: hexadecimal."""

    @classmethod
    def of(cls, value: "str | Path | WeightsFile") -> Self:
        """The file at a path, or the recorded one: `PATH#sha256=DIGEST`, with whatever is special in a path as %XX.

        Raises MienError if there is no such file, or its digest is not the recorded one.
        """
        if isinstance(value, cls):
            return value
        named, _, recorded = str(value).rpartition(_DIGEST) if _DIGEST in str(value) else (str(value), "", "")
        path = Path(unquote(named) if recorded else named).expanduser().absolute()
        if recorded and not path.is_file():  # recorded on another machine, or moved
            path = Path(path.name).absolute()
        if not path.is_file():
            digest = f", SHA-256 {recorded}," if recorded else ""
            raise MienError(
                f"The file of weights {named}{digest} is not there, and does not come with a run.",
                f"Get it from whoever made it, and put it at {path}." if recorded else f"ls -l {path.parent}",
            )
        status = path.stat()
        found = _sha256(path, status.st_size, status.st_mtime_ns)
        if recorded and found != recorded:
            raise MienError(
                f"{path} is another file of weights than was recorded: its SHA-256 is {found}, not {recorded}.",
                f"Put the recorded file at {path}, or name this one where you named the plugin and train again.",
            )
        return cls(path, found)

    def __str__(self) -> str:
        return f"{quote(self.path.as_posix(), safe='/')}{_DIGEST}{self.sha256}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """How pydantic reads, dumps and describes it: as text."""
        text_or_path = core_schema.union_schema(
            [core_schema.str_schema(), core_schema.is_instance_schema(Path), core_schema.is_instance_schema(cls)]
        )
        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_after_validator_function(cls.of, core_schema.str_schema()),
            python_schema=core_schema.no_info_after_validator_function(cls.of, text_or_path),
            serialization=core_schema.to_string_ser_schema(),
        )


def without_folders(text: str) -> str:
    """A setting or a plugin choice as it was recorded, with no file of weights in it said to lie in a folder."""
    return _FOLDER_OF_WEIGHTS.sub("", text)


@lru_cache(maxsize=64)
def _sha256(path: Path, _size: int, _changed_ns: int) -> str:
    """Hashing some gigabytes takes seconds, and a configuration is read more than once."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
