"""Which recognizer an encoding is by, so that it is never compared with another one's."""

from pydantic import BaseModel, ConfigDict

from mien.contracts.plugin import without_folders
from mien.plugins.choice import choice_text, parse_choice
from mien.plugins.registry import Registry


class RecognizerRecord(BaseModel):
    """A recognizer, as a dataset, a run and a report record it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    choice: str
    """What the user would type for it, all settings spelled out."""
    distribution: str
    version: str

    @classmethod
    def of(cls, choice: str, registry: Registry) -> "RecognizerRecord":
        """The record of a feature as it is installed. Raises MienError if it is not, or for a wrong setting."""
        named = parse_choice(choice)
        _, config = registry.configure("feature", named)
        plugin = registry.find("feature", named.name)
        return cls(choice=choice_text(named.name, config), distribution=plugin.distribution, version=plugin.version)

    def __str__(self) -> str:
        return f"{self.choice} ({self.distribution} {self.version})"

    def agrees_with(self, other: "RecognizerRecord") -> bool:
        """Whether the other is the same recognizer, maybe of another version."""
        mine, its = without_folders(self.choice), without_folders(other.choice)
        return (mine, self.distribution) == (its, other.distribution)


class StoredEncoding(BaseModel):
    """The encoding of a person, together with the recognizer that made it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recognizer: RecognizerRecord
    values: tuple[float, ...]
    """D numbers."""

    def __str__(self) -> str:
        return f"{len(self.values)} numbers by {self.recognizer}"
