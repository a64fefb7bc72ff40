"""An output that is written, checked, and only then put in its place, or beside it if it is rejected."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, count
from os import replace
from os.path import lexists
from pathlib import Path

from mien.errors import MienError
from mien.media.credentials import remove_sidecar, sidecar_of
from mien.media.files import fitting, temporary, whole_file


@dataclass(frozen=True, slots=True)
class StagedOutput:
    """Where the outputs of one call go."""

    root: Path
    """What the user named as output: a file or a folder."""

    @contextmanager
    def draft(self, output: Path) -> Iterator[Path]:
        """A path beside an output to write to until it is accepted or rejected; what is left of it is removed.

        An error names the output, as if it were written itself.
        """
        draft = temporary(output, "unchecked")
        try:
            yield draft
        except MienError as error:
            error.message, error.fix = (text.replace(str(draft), str(output)) for text in (error.message, error.fix))
            raise
        finally:
            with suppress(OSError):  # what the user has to hear is why it was not written
                draft.unlink(missing_ok=True)
                sidecar_of(draft).unlink(missing_ok=True)

    def accept(self, draft: Path, output: Path) -> Path:
        """Move a draft to its output. Raises MienError if it cannot be moved."""
        _move(draft, output)
        return output

    def reject(self, draft: Path, output: Path) -> Path:
        """Move a draft beside the user's OUTPUT, never into it, and never over another file.

        Returns where it is, with ".rejected" in its name. Raises MienError if it cannot be moved.
        """
        marks = chain([".rejected"], (f".rejected-{number}" for number in count(2)))
        aside = next(path for mark in marks if not lexists(path := self._marked(output, mark)))
        _move(draft, aside)
        return aside

    def _marked(self, output: Path, mark: str) -> Path:
        if output == self.root:
            return fitting(output.with_name(f"{output.stem}{mark}{output.suffix}"), f"{mark}{output.suffix}")
        return fitting(self.root.with_name(self.root.name + mark), mark) / output.relative_to(self.root)


def _move(draft: Path, to: Path) -> None:
    """Its Content Credentials go with it, if they stand beside it."""
    if sidecar_of(draft).exists():
        with whole_file(sidecar_of(to)) as partial:
            replace(sidecar_of(draft), partial)
    else:
        remove_sidecar(to)
    with whole_file(to) as partial:
        replace(draft, partial)
