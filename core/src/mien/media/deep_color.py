"""Video of more than 8 bits: how many they are, and what is said of its brightness, which is passed on."""

from dataclasses import dataclass
from struct import unpack

from av.video.frame import VideoFrame

from mien.media.orientation import side_data_of

_MASTERING, _LIGHT = "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"
_CHROMATICITY, _LUMINANCE = 50_000, 10_000
"""x265 counts chromaticities in units of 1/50000, luminances in units of 1/10000 cd/m²."""


@dataclass(frozen=True, slots=True)
class HdrMetadata:
    """What a video says of the display that it was made for, and of its brightest pixels; as x265 wants it."""

    mastering: str | None = None
    light: str | None = None

    @classmethod
    def of(cls, frame: VideoFrame) -> "HdrMetadata":
        """That of a decoded frame."""
        side_data = side_data_of(frame)
        mastering, light = side_data.get(_MASTERING), side_data.get(_LIGHT)
        return cls(
            _mastering(bytes(mastering)) if mastering is not None else None,
            "{},{}".format(*unpack("2I", bytes(light)[:8])) if light is not None else None,
        )

    def x265_params(self) -> str:
        """As a part of x265's parameters; empty if the video says nothing."""
        said = {"master-display": self.mastering, "max-cll": self.light}
        return "".join(f":{name}={value}" for name, value in said.items() if value)


def bits_of(frame: VideoFrame) -> int:
    """How many bits each value of a frame has."""
    return max(component.bits for component in frame.format.components)


def _mastering(data: bytes) -> str | None:
    """FFmpeg's AVMasteringDisplayMetadata: primaries of red, green, blue and white, and the range of luminance."""
    numbers = unpack("20i", data[:80])
    values = [above / below if below else 0.0 for above, below in zip(numbers[::2], numbers[1::2], strict=True)]
    has_primaries, has_luminance = unpack("2i", data[80:88])
    if not (has_primaries and has_luminance):
        return None
    red, green, blue, white = (
        "({},{})".format(*(round(value * _CHROMATICITY) for value in values[at : at + 2])) for at in (0, 2, 4, 6)
    )
    darkest, brightest = (round(value * _LUMINANCE) for value in values[8:10])
    return f"G{green}B{blue}R{red}WP{white}L({brightest},{darkest})"
