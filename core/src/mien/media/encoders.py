"""Encoders of images that a user may ask for instead of the usual ones: those of graphics cards, and x265.

Which of them a machine has is known when one is opened. Options: https://ffmpeg.org/ffmpeg-codecs.html, and
`ffmpeg -h encoder=NAME`.
"""

from typing import NamedTuple, TypedDict

import av

from mien.errors import MienError

_CODECS = ("h264", "hevc", "av1", "vp9")
_WEBM_CODECS = ("av1", "vp9")


class EncoderFamily(NamedTuple):
    """How encoders of one make are told what to do."""

    pixel_format: str
    """Of images of 8 bits; of deeper ones it is p010le."""
    quality_options: tuple[str, ...]
    options: dict[str, str]


class Encoding(TypedDict):
    """How images are encoded, as `VideoSink` and its parts take it."""

    quality: int
    encoder: str | None


_FAMILIES = {
    "nvenc": EncoderFamily("yuv420p", ("cq",), {"rc": "vbr", "b": "0", "preset": "p5"}),  # NVIDIA
    "qsv": EncoderFamily("nv12", ("global_quality",), {"preset": "medium"}),  # Intel
    "amf": EncoderFamily("nv12", ("qp_i", "qp_p"), {"rc": "cqp", "quality": "balanced"}),  # AMD
}
_X265 = "libx265"


def encoders_to_ask_for() -> list[str]:
    """The names that `--encoder` takes, of those that this PyAV has."""
    of_cards = [f"{codec}_{family}" for family in _FAMILIES for codec in _CODECS]
    return [name for name in (_X265, *of_cards) if _is_there(name)]


def _is_there(encoder: str) -> bool:
    try:
        av.Codec(encoder, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


def family_of(encoder: str) -> EncoderFamily | None:
    """That of an encoder of a graphics card; None: it is one of the usual ones."""
    return _FAMILIES.get(encoder.partition("_")[2])


def is_deep(encoder: str) -> bool:
    """Whether an encoder takes 10 bits a channel; those of cards for H.264 do not."""
    return not encoder.startswith("h264_")


def check_encoder(encoder: str | None) -> None:
    """Raises MienError for a name that is none of `encoders_to_ask_for`. None: the usual one."""
    if encoder is not None and encoder not in (names := encoders_to_ask_for()):
        raise MienError(
            f"{encoder!r} is no encoder that can be asked for: PyAV has {', '.join(names)}.",
            "Leave out --encoder: the processor encodes, by libx264 in most files.",
        )


def check_fits(encoder: str, width: int, height: int, *, in_webm: bool) -> None:
    """Raises MienError if what an encoder writes does not go into the file, or it cannot take images of that size."""
    codec = "hevc" if encoder == _X265 else encoder.partition("_")[0]
    if in_webm != (codec in _WEBM_CODECS) and (in_webm or codec == "vp9"):
        good = ".mp4, .mov or .mkv" if in_webm else ".webm"
        raise MienError(f"What {encoder} writes does not go into such a file.", f"Name the output {good}.")
    if encoder != _X265 and (width % 2 or height % 2):
        raise MienError(
            f"{encoder} takes images of even sides, not {width}×{height} px.",
            "Leave out --encoder, or take --encoder libx265.",
        )


def cannot_open(encoder: str, error: Exception) -> MienError:
    """What to say where an encoder does not open: the card, its driver or its library is not there."""
    return MienError(
        f"The encoder {encoder} cannot be used on this machine: {error}.",
        "Leave out --encoder: the processor encodes.",
    )
