"""What is to become of whom: people by reference images, and everybody else; from a TOML file or made in Python."""

import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from mien.errors import MienError

_EXAMPLES = {
    "keep": '[[people]] with images = ["anna.jpg"] and action = "keep"',
    "swap": '[[people]] with images = ["ben.jpg"], action = "swap", run = "morph", reference = ["anna.jpg"] and '
    'consent = "who agreed, and where that is written down"',
    "anonymize": '[[people]] with images = ["carla.jpg"], action = "anonymize" and with = "blur"',
    "default": '[default] with action = "anonymize" and with = "blur"',
}


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True)


class _Person(_Rule):
    images: tuple[Path, ...] = Field(min_length=1)
    """Images that show this person's face, and no other. Several, in other light and from other sides, know them
    better."""


class Kept(_Person):
    """Somebody who stays visible."""

    action: Literal["keep"]


class Swapped(_Person):
    """Somebody who is drawn as somebody else, who exists."""

    action: Literal["swap"]
    run: str
    """A run whose model draws people: its folder, the name of an installed one, or a model that needs no training."""
    to: str | None = None
    """Whom it draws: one of its people;"""
    reference: tuple[Path, ...] = ()
    """or whoever these images show, one face in each, folders of them or clips, for a model that draws a reference. One
    of the two is given."""
    consent: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    """Who agreed to it, and where that is written down. It stands in the label of every file."""

    @model_validator(mode="after")
    def _says_whom(self) -> "Swapped":
        if (self.to is None) == (not self.reference):
            raise ValueError("say whom it is to draw, either by to or by reference")
        return self


class Anonymized(_Person):
    """Somebody who is hidden or drawn as somebody who does not exist."""

    action: Literal["anonymize"]
    method: str | None = Field(default=None, alias="with")
    """As `--with`; None: as everybody else."""


class EverybodyElse(_Rule):
    """Everybody of whom there is no reference image."""

    action: Literal["anonymize", "keep"] = "anonymize"
    method: str | None = Field(default=None, alias="with")
    """As `--with`; None: what `--with` says. Also of whom it is not certain who they are."""


PersonRule: TypeAlias = Annotated[Kept | Swapped | Anonymized, Field(discriminator="action")]


class PeoplePolicy(_Rule):
    """What is to become of whom.

    Whoever is not surely one of the people, though they may be, is anonymized as `default` says, whatever its action.
    """

    people: tuple[PersonRule, ...] = ()
    default: EverybodyElse = EverybodyElse()

    @classmethod
    def read(cls, path: Path) -> "PeoplePolicy":
        """Read a TOML file; paths in it are relative to its folder, those of runs too if there is such a folder.

        Raises MienError naming the file, and the key and what it takes, for whatever is not understood.
        """
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise MienError(f"There is no file {path}.", f"ls {path.parent}") from None
        except OSError as error:
            raise MienError(f"{path} cannot be read: {error.strerror}.", f"ls -ld {path}") from error
        except ValueError as error:  # TOML's own errors are such, and that of bytes that are no text
            why = "it is no text" if isinstance(error, UnicodeDecodeError) else str(error)
            raise MienError(f"{path} cannot be read: {why}.", f"Write it as TOML: {_EXAMPLES['keep']}.") from error
        try:
            policy = cls.model_validate(values)
        except ValidationError as error:
            raise _not_understood(path, error) from None
        return policy.model_copy(update={"people": tuple(_beside(path, rule) for rule in policy.people)})

    @property
    def reads(self) -> tuple[Path, ...]:
        """The images, folders and clips that show whom it names."""
        return tuple(
            path
            for rule in self.people
            for path in (*rule.images, *(rule.reference if isinstance(rule, Swapped) else ()))
        )

    @classmethod
    def keeping(cls, images: Sequence[Path]) -> "PeoplePolicy":
        """Everybody is anonymized but whom these images show."""
        return cls(people=tuple(Kept(images=(image,), action="keep") for image in images))

    @classmethod
    def only(cls, images: Sequence[Path]) -> "PeoplePolicy":
        """Nobody is anonymized but whom these images show."""
        people = tuple(Anonymized(images=(image,), action="anonymize") for image in images)
        return cls(people=people, default=EverybodyElse(action="keep"))


def _beside(path: Path, rule: PersonRule) -> PersonRule:
    changes: dict[str, Any] = {"images": tuple(path.parent / image for image in rule.images)}
    if isinstance(rule, Swapped):
        changes["reference"] = tuple(path.parent / image for image in rule.reference)
        if (path.parent / rule.run).is_dir():
            changes["run"] = str(path.parent / rule.run)
    return rule.model_copy(update=changes)


def _not_understood(path: Path, error: ValidationError) -> MienError:
    first = error.errors()[0]
    # A rule's action stands in the place of the fault too, between its number and the key.
    actions = ("keep", "swap", "anonymize")
    parts = [part for part in first["loc"] if part not in actions]
    example = next((_EXAMPLES[str(part)] for part in first["loc"] if part in _EXAMPLES), _EXAMPLES["keep"])
    where = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
    known = sorted({field.alias or name for rule in (Kept, Swapped, Anonymized) for name, field in _fields(rule)})
    hint = ""
    if first["type"] == "extra_forbidden":
        near = get_close_matches(str(parts[-1]), ["people", "default", *known], n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        what = "is no key that this table has"
    else:
        said = first["msg"].removeprefix("Value error, ")
        what = said[:1].lower() + said[1:]
    return MienError(f"{path}: {where or 'the file'}: {what}.{hint}", f"Write it as {example}.")


def _fields(rule: type[_Person]) -> Any:
    return rule.model_fields.items()
