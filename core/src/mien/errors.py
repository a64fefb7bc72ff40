"""What is raised when the user, not the program, has to act."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class MienError(Exception):
    """A problem the user can mend.

    `message` says what was wrong and where (path, frame, value); `fix` is the next thing to do, best a command to type.
    The command line prints both and exits with 2, without a traceback.
    """

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message, fix)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}\n{self.fix}" if self.fix else self.message


class ReportNotWrittenError(MienError):
    """What was found could not be written; it is not lost: `report`."""

    def __init__(self, message: str, fix: str, report: Any) -> None:
        super().__init__(message, fix)
        self.report = report


@contextmanager
def not_losing(report: Any) -> Iterator[None]:
    """Turn a MienError of the block, which writes a report, into a `ReportNotWrittenError` that holds it."""
    try:
        yield
    except MienError as error:
        raise ReportNotWrittenError(error.message, error.fix, report) from error


class MienWarning(UserWarning):
    """Something that the user should know, though work goes on. The command line prints it as a note."""
