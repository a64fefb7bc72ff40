"""A user who presses Ctrl-C, and whether anything goes on after that."""

import threading


def no_threads_left() -> bool:
    return not [thread for thread in threading.enumerate() if thread.name.startswith("mien-")]


class Interrupting:
    """A Progress that behaves like a user who presses Ctrl-C after some frames."""

    def __init__(self, after: int) -> None:
        self.left = after
        self.total: int | None = None

    def start(self, what: str, total: int | None) -> None:
        self.total = total

    def advance(self, steps: int = 1, **figures: float | int | str) -> None:
        self.left -= steps
        if self.left == 0:
            raise KeyboardInterrupt

    def say(self, message: str) -> None:
        pass
