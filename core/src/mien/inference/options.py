"""How a session works."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mien.inference.segment_length import SEGMENT_SECONDS
from mien.media.part import WHOLE, Part
from mien.media.video_writer import DEFAULT_QUALITY


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How a session works, apart from whom it draws. What is None follows from the run, or is the installed default."""

    extractor: str | None = None
    """What finds faces, as a plugin choice or several joined by `+`; None: what the run's datasets were made with."""
    masker: str | None = None
    """What of a drawn face is set into the scene; None: as in the run's datasets, and what stands in front as far as
    `mien.inference.default_masker` says."""
    recognizer: str | None = None
    """What tells people apart; None: the run's."""
    blender: str | None = None
    """What sets faces in; None: what the model asks for, or the default of those installed."""
    enhancers: str = ""
    """What works on drawn faces before they are set in, joined by `+`."""
    threads: int | None = None
    """So many threads search for faces at once; None: one for each core."""
    device: str | None = None
    """Where faces are drawn, as torch names it; None: a graphics card if torch sees one, else the CPU."""
    person: Path | Sequence[Path] | None = None
    """An image of the one person whose faces are drawn anew, or of each of several; None: everybody's. Where several
    people are drawn at once (`to`), there is one for each of them."""
    quality: int = DEFAULT_QUALITY
    """Of videos, see `VideoSink`."""
    encoder: str | None = None
    """Of videos: what encodes them, one of `mien.media.encoders.encoders_to_ask_for`; None: the usual encoder."""
    sound: bool = True
    """Whether the sound of videos is kept. When anonymizing, `AnonymizeOptions.sound` has to say so too."""
    part: Part = WHOLE
    """Of videos: from when to when."""
    segment_seconds: float = SEGMENT_SECONDS
    """Of videos: how long the segments are, about, in which longer ones are drawn."""
    overwrite: bool = False
    """Whether files that are there may be replaced."""
    credentials: bool = True
    """Whether what is written is signed, as Content Credentials; see `mien.media.credentials`."""
    certificate: Path | None = None
    """The user's own, with those above it, as PEM; None: the key that mien makes on first use."""
    private_key: Path | None = None
    """That of the certificate, as PEM, without a password."""

    @property
    def reads(self) -> tuple[Path, ...]:
        """The files of the user's that are read."""
        people = (self.person,) if isinstance(self.person, Path) else tuple(self.person or ())
        return (*people, *filter(None, (self.certificate, self.private_key)))
