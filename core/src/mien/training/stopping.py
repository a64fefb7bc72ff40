"""When a run stops: told to by a signal, its time is over, or its steps are done."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """Becomes true when the user or the system asks the run to stop."""

    def __init__(self, minutes: float | None) -> None:
        self._deadline = None if minutes is None else time.monotonic() + 60 * minutes
        self.by_signal: str | None = None

    @property
    def wanted(self) -> bool:
        """Whether to stop after this step."""
        return self.by_signal is not None or (self._deadline is not None and time.monotonic() >= self._deadline)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Catch SIGINT and SIGTERM; a second SIGINT interrupts at once. Outside of the main thread it does nothing."""
        before = {}
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                before[number] = signal.signal(number, self._note)
        except ValueError:  # signals can only be caught in the main thread
            pass
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.by_signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.by_signal = signal.Signals(number).name
