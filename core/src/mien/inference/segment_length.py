"""How long the segments of a long video are."""

from mien.errors import MienError

SEGMENT_SECONDS = 60.0
"""What a call that is killed has to draw again, at most; a minute of video is some minutes of work on two cores."""


def check_segment_seconds(seconds: float) -> None:
    """Raises MienError for a length that is none."""
    if not seconds > 0:
        raise MienError(f"Segments of {seconds:g} seconds hold no frame.", f"--segment {SEGMENT_SECONDS:g}")
