"""A part of a video, from one time to another."""

import re
from dataclasses import dataclass
from fractions import Fraction

from mien.errors import MienError

_CLOCK = re.compile(r"(?:(?:(\d+):)?([0-5]?\d):)?(\d+(?:\.\d+)?)")
_TIMECODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d)")
_DROPPED_PER_TEN_MINUTES = 9
HALF_A_MILLISECOND = Fraction(1, 2000)
"""What a player shows of a time is rounded by so much."""


@dataclass(frozen=True, slots=True)
class Part:
    """From when to when, in seconds counted from a video's first frame: the frames that are shown from `start` on and
    before `end`. Times are taken to be rounded to milliseconds, so that parts which meet share no frame, and miss none.

    Raises MienError if a time is negative, or the part ends before it begins.
    """

    start: Fraction | None = None
    """None: from the first frame on."""
    end: Fraction | None = None
    """None: to the last frame."""

    def __post_init__(self) -> None:
        """Check the times."""
        for name, time in (("start", self.start), ("end", self.end)):
            if time is not None and time < 0:
                raise MienError(f"--{name} {clock_of(-time)} before the first frame: nothing is there.", f"--{name} 0")
        if self.end is not None and self.end <= (self.start or 0):
            raise MienError(
                f"The part ends at {clock_of(self.end)}, but begins at {clock_of(self.start or Fraction(0))}.",
                f"--end {clock_of((self.start or Fraction(0)) + 10)}",
            )

    @classmethod
    def between(cls, start: str | None, end: str | None) -> "Part":
        """The part between two times as a user writes them, see `seconds_of`. Raises MienError for what is no time."""
        return cls(*(None if time is None else seconds_of(time) for time in (start, end)))

    def __bool__(self) -> bool:
        """Whether it may be less than the whole."""
        return self.start is not None or self.end is not None


WHOLE = Part()


def seconds_of(text: str) -> Fraction:
    """A time as a user writes it, in seconds: `90`, `90.5`, `1:30.5` or `0:01:30.500`.

    Raises MienError for anything else.
    """
    match = _CLOCK.fullmatch(text.strip())
    if match is None or (match[2] is not None and Fraction(match[3]) >= 60):
        raise MienError(f"{text!r} is no time.", "Write seconds, as 90.5, or HH:MM:SS.mmm, as 0:01:30.500.")
    hours, minutes, seconds = (Fraction(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds


def clock_of(seconds: Fraction) -> str:
    """A time as H:MM:SS.mmm."""
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def timecode_after(timecode: str, frames: int, rate: Fraction) -> str | None:
    """The timecode so many frames after another one, at `rate` frames a second; None if it is not understood.

    With `;` before its frames, it drops numbers as NTSC does (SMPTE 12M): two, at 59.94 Hz four, in each minute but
    every tenth.
    """
    if not frames:
        return timecode
    match = _TIMECODE.fullmatch(timecode.strip())
    if match is None:
        return None
    hours, minutes, seconds, number = (int(match[at]) for at in (1, 2, 3, 5))
    nominal = round(rate)
    dropped = nominal // 15 if match[4] in ";." else 0
    all_minutes = 60 * hours + minutes
    count = (60 * all_minutes + seconds) * nominal + number - dropped * (all_minutes - all_minutes // 10) + frames
    if dropped:
        tens, rest = divmod(count, 600 * nominal - _DROPPED_PER_TEN_MINUTES * dropped)
        past = max(0, rest - dropped) // (60 * nominal - dropped)
        count += dropped * (_DROPPED_PER_TEN_MINUTES * tens + past)
    in_seconds, number = divmod(count, nominal)
    hours, minutes, seconds = in_seconds // 3600 % 24, in_seconds // 60 % 60, in_seconds % 60
    return f"{hours:02}:{minutes:02}:{seconds:02}{match[4]}{number:02}"
