"""How a command shows where its work is: a bar on a terminal, a line every few seconds anywhere else."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from mien.progress import Progress


@contextmanager
def shown_on(console: Console) -> Iterator[Progress]:
    """A progress that draws on that console, and leaves a line on it for each stretch of work when the block ends."""
    if not console.is_interactive:
        lines = LineProgress(console)
        try:
            yield lines
        finally:
            lines.close()
        return
    bars = Bars(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        _Rate(),
        TextColumn("{task.fields[figures]}", markup=False),
        console=console,
        transient=True,
        expand=True,
    )
    with bars:
        drawn = BarProgress(bars)
        try:
            yield drawn
        finally:
            drawn.close()


class BarProgress:
    """A bar for the work that goes on; a plain line above it for each stretch that is over."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task: Task | None = None

    def start(self, what: str, total: int | None) -> None:
        """Draw a new bar."""
        self.close()
        number = self._bars.add_task(what, total=total, figures="")
        self._task = next(task for task in self._bars.tasks if task.id == number)

    def advance(self, steps: int = 1, **figures: float | int | str) -> None:
        """Move the bar on."""
        if self._task is None:
            return
        if figures:
            self._bars.update(self._task.id, advance=steps, figures=figures_text(figures))
        else:
            self._bars.update(self._task.id, advance=steps)

    def say(self, message: str) -> None:
        """Print above the bar."""
        self._bars.console.print(Text(message))

    def close(self) -> None:
        """Take the bar away and leave its line."""
        task, self._task = self._task, None
        if task is None:
            return
        self._bars.remove_task(task.id)
        if task.completed:
            self.say(_line(task.description, task.completed, None, task.elapsed or 0.0, task.fields["figures"]))


class LineProgress:
    """A line at most every few seconds, for pipes and log files."""

    def __init__(
        self, console: Console, seconds_between: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._seconds_between = seconds_between
        self._clock = clock
        self._what: str | None = None

    def start(self, what: str, total: int | None) -> None:
        """Remember what begins; its first line comes after some seconds."""
        self.close()
        self._what, self._total, self._done, self._figures = what, total, 0, ""
        self._began = self._printed = self._clock()

    def advance(self, steps: int = 1, **figures: float | int | str) -> None:
        """Print a line if the last one was long ago."""
        if self._what is None:
            return
        self._done += steps
        self._figures = figures_text(figures) if figures else self._figures
        now = self._clock()
        if now - self._printed >= self._seconds_between:
            self._printed = now
            self.say(_line(self._what, self._done, self._total, now - self._began, self._figures))

    def say(self, message: str) -> None:
        """Print it."""
        self._console.print(Text(message), soft_wrap=True)

    def close(self) -> None:
        """Print the last line of a stretch."""
        what, self._what = self._what, None
        if what is not None and self._done:
            self.say(_line(what, self._done, None, self._clock() - self._began, self._figures))


class _Rate(ProgressColumn):
    """Steps per second, and the time left or, if the end is not known, gone."""

    def render(self, task: Task) -> Text:
        """As `12.7/s, 0:40 left`."""
        seconds = task.elapsed or 0.0
        pace = _pace(task.speed or (task.completed / seconds if seconds else 0.0), task.time_remaining)
        since = duration(seconds) if task.total is None else ""  # without an end: how long it has been going on
        return Text(", ".join(part for part in (pace, since) if part), style="progress.remaining")


def figures_text(figures: Mapping[str, float | int | str]) -> str:
    """Figures as a person reads them: `loss 0.1234, faces per second 18`."""
    return ", ".join(
        f"{name.replace('_', ' ')} {value:.4g}" if isinstance(value, float) else f"{name.replace('_', ' ')} {value}"
        for name, value in figures.items()
    )


def duration(seconds: float) -> str:
    """As 1:02:03, without the hours if there are none."""
    text = str(timedelta(seconds=round(seconds)))
    return text.removeprefix("0:")


def _line(what: str, done: float, total: int | None, seconds: float, figures: str) -> str:
    """One line about a stretch of work: how far it is, or, without a total, how much it was."""
    rate = done / seconds if seconds > 0 else 0.0
    if total is None:
        parts = [f"{what}: {done:.0f} in {duration(seconds)}", _pace(rate, None)]
    else:
        left = (total - done) / rate if rate else None
        parts = [f"{what}: {done:.0f} of {total}", _pace(rate, left)]
    return ", ".join(part for part in (*parts, figures) if part)


def _pace(rate: float, seconds_left: float | None) -> str:
    parts = []
    if rate >= 1:
        parts.append(f"{rate:.1f}/s")
    elif rate > 0:
        parts.append(f"{1 / rate:.1f} s each")
    if seconds_left is not None:
        parts.append(f"{duration(seconds_left)} left")
    return ", ".join(parts)
