"""What a video file says of itself as a whole: titles, times, places."""

from collections.abc import Mapping

_TECHNICAL = (  # what the file says of how it was made, or gets apart
    "major_brand",
    "minor_version",
    "compatible_brands",
    "encoder",
    "handler_name",
    "duration",
    "timecode",
)
_PLACE = "location"  # as in `location-eng` and `com.apple.quicktime.location.ISO6709`
PLACE_LEFT_OUT = "where it was filmed is left out"


def kept_titles(metadata: Mapping[str, str]) -> dict[str, str]:
    """What goes into the new file: all but what is technical, and where it was filmed."""
    return {key: text for key, text in metadata.items() if key.lower() not in _TECHNICAL and not _is_place(key)}


def lost_titles(before: Mapping[str, str], after: Mapping[str, str], suffix: str) -> list[str]:
    """What of a file's metadata is not in the new file any more, as sentences without an end.

    before: the source's; after: those of the new file, which has that suffix.
    """
    written = {key.lower() for key in after}
    lost = sorted(key.lower() for key in kept_titles(before) if key.lower() not in written)
    notes = [f"metadata that a {suffix} does not hold is left out: {', '.join(lost)}"] if lost else []
    return [*notes, *([PLACE_LEFT_OUT] if any(map(_is_place, before)) else [])]


def _is_place(key: str) -> bool:
    return _PLACE in key.lower()
