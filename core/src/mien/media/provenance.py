"""How an image or video says of itself that it is synthetic, and how that is read back.

The mark is one of IPTC's Digital Source Types (https://cv.iptc.org/newscodes/digitalsourcetype) in an XMP packet, where
programs look for it, and a sentence for people: "composite with trained algorithmic media" where faces are drawn,
"algorithmically enhanced", the nearest that there is, where they are only hidden. Anybody can remove it: it is a label
for the honest, not a proof.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from mien.errors import MienError
from mien.media.image_formats import open_image

if TYPE_CHECKING:
    from mien.media.credentials import Signer

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC's identifier of the term for generated faces; http, not https, as the vocabulary writes it."""
HIDDEN_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"
"""That for faces that are pixelated, blurred or covered, with nobody generated."""

_NAMESPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "mien": "urn:mien:provenance:1#",
}
_PACKET = re.compile(r"<x:xmpmeta.*?</x:xmpmeta>", re.DOTALL)
_TIFF_XMP_TAG = 700


@dataclass(frozen=True, slots=True)
class PluginUse:
    """A plugin that took part."""

    kind: str
    """As in "extractor"."""
    choice: str
    """What the user would type for it."""
    distribution: str
    version: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made an image or video what it is."""

    version: str
    """mien's version."""
    action: str
    """What was done, as a person would say it: "faces drawn as E"."""
    run: str
    """The digest of the run that drew; empty: none did."""
    is_generated: bool = True
    """Whether faces are generated; otherwise they are only hidden."""
    plugins: tuple[PluginUse, ...] = field(default=(), compare=False)
    """What took part; it stands in the Content Credentials alone, not in the label."""
    signer: "Signer | None" = field(default=None, compare=False)
    """What signs the file that is written; None: nothing does, and it bears the label alone."""

    @property
    def source_type(self) -> str:
        """IPTC's term, as its URI."""
        return DIGITAL_SOURCE_TYPE if self.is_generated else HIDDEN_SOURCE_TYPE

    def note(self) -> str:
        """The sentence for people, on one line."""
        kind = "Synthetic" if self.is_generated else "Altered"
        run = f" (run {self.run})" if self.run else ""
        return f"{kind}: {_on_one_line(self.action)} by mien {self.version}{run}."

    def to_xmp(self) -> str:
        """The XMP packet for programs, on one line."""
        spaces = " ".join(f'xmlns:{name}="{uri}"' for name, uri in _NAMESPACES.items() if name not in ("x", "rdf"))
        return (
            '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
            f'<x:xmpmeta xmlns:x="{_NAMESPACES["x"]}"><rdf:RDF xmlns:rdf="{_NAMESPACES["rdf"]}">'
            f'<rdf:Description rdf:about="" {spaces}'
            f' Iptc4xmpExt:DigitalSourceType="{self.source_type}"'
            f" xmp:CreatorTool={quoteattr(f'mien {self.version}')}"
            f" mien:version={quoteattr(self.version)}"
            f" mien:action={quoteattr(_on_one_line(self.action))}"
            f" mien:run={quoteattr(self.run)}>"
            f'<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{escape(self.note())}</rdf:li></rdf:Alt>'
            "</dc:description></rdf:Description></rdf:RDF></x:xmpmeta>"
            '<?xpacket end="w"?>'
        )


def read_provenance(path: Path) -> Provenance | None:
    """What an image or video says of its making; None if it bears no mark of mien.

    Raises MienError if the file is missing or neither an image nor a video.
    """
    try:
        with open_image(path) as image:
            texts = [image.info.get("xmp"), image.info.get("XML:com.adobe.xmp"), image.getexif().get(_TIFF_XMP_TAG)]
    except FileNotFoundError:
        raise MienError(f"There is no file {path}.", f"ls {path.parent}") from None
    except MienError:
        raise
    except Exception:  # no image, whatever the decoders of damaged ones raise: it may be a video
        texts = list(_video_metadata(path))
    found = (from_xmp(text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)) for text in texts)
    return next((provenance for provenance in found if provenance), None)


def from_xmp(text: str) -> Provenance | None:
    """Read a text that holds the packet of `Provenance.to_xmp`; None if there is none in it."""
    for packet in _PACKET.findall(text):
        try:
            tree = ElementTree.fromstring(packet)
        except ElementTree.ParseError:
            continue
        for element in tree.iter(f"{{{_NAMESPACES['rdf']}}}Description"):
            version, action, run = (
                element.get(f"{{{_NAMESPACES['mien']}}}{name}") for name in ("version", "action", "run")
            )
            if version is not None and action is not None and run is not None:
                source_type = element.get(f"{{{_NAMESPACES['Iptc4xmpExt']}}}DigitalSourceType")
                return Provenance(version, action, run, is_generated=source_type != HIDDEN_SOURCE_TYPE)
    return None


def _video_metadata(path: Path) -> list[str]:
    import av  # images do without

    try:
        with av.open(str(path.absolute()), options={"export_xmp": "1"}, metadata_errors="replace") as container:
            # Of a stream that nobody decodes there is no codec context.
            shows_anything = any(one.codec_context and one.codec_context.width for one in container.streams.video)
            metadata = list(container.metadata.values())
    except (av.error.FFmpegError, OSError) as error:
        raise MienError(f"{path} is neither an image nor a video: {error}.", f"file {path}") from error
    if not shows_anything:
        raise MienError(f"{path} is neither an image nor a video.", f"file {path}")
    return metadata


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
