"""What is raised when the user, not the program, has to act."""


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


class MienWarning(UserWarning):
    """Something that the user should know, though work goes on. The command line prints it as a note."""
