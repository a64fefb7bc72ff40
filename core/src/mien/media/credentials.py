"""Content Credentials (C2PA): what mien signs of the images and videos that it writes, and with which key.

A manifest says that the file is a composite with generated faces, or that faces are hidden, what was done, and by which
plugins in which versions; it holds a digest of the file, and a signature over both. Nothing is fetched and nobody is
asked: there is no time stamp of an authority and no remote manifest. Specification: https://spec.c2pa.org. c2pa-python
does the work.

Signed is with the user's certificate, or else with a key that is made on first use. What such a key proves is that two
files were signed by the same installation, and that neither was changed since; not whose it is.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.errors import MienError
from mien.media.files import fitting, temporary, whole_file, writing_to
from mien.media.provenance import Provenance
from mien.media.signing_key import SigningKey, own_key_path

if TYPE_CHECKING:
    import c2pa

EMBEDDING_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".gif": "image/gif",
    ".avif": "image/avif",
    ".mp4": "video/mp4",
    ".m4v": "video/x-m4v",
    ".mov": "video/quicktime",
    ".avi": "video/avi",
}
"""Suffix → media type of the formats that hold credentials; beside others they stand in a sidecar."""
SIDECAR_SUFFIX = ".c2pa"
FACES_ASSERTION = "mien.faces"
"""The label of mien's own assertion: which run and which plugins drew."""
_OPAQUE = "application/octet-stream"  # of such data c2pa signs every byte


_PAGE_SUFFIXES = (".tif", ".tiff")
"""Of formats that hold them, but not if there are several pages."""


@dataclass(frozen=True)
class Signer:
    """Signs what is written. The key is read, or made, when it is needed first.

    certificate, private_key: the user's own, PEM files as `SigningKey.of_user` takes them; None: the key that mien
    makes, see `own_key_path`.
    """

    certificate: Path | None = None
    private_key: Path | None = None

    @cached_property
    def key(self) -> SigningKey:
        """What is signed with. Raises MienError if it cannot be read or made."""
        if self.certificate is None and self.private_key is None:
            return SigningKey.own(own_key_path())
        return SigningKey.of_user(self.certificate, self.private_key)

    def embedded(self, encoded: bytes, suffix: str, provenance: Provenance) -> bytes:
        """An encoded image with credentials in it. suffix: of a format in `EMBEDDING_TYPES`.

        Raises MienError if it cannot be signed.
        """
        signed = io.BytesIO()
        with _signing(f"a {suffix}"), self._builder(provenance) as builder:
            builder.sign(self._signer(), EMBEDDING_TYPES[suffix.lower()], io.BytesIO(encoded), signed)
        return signed.getvalue()

    def sign_file(self, written: Path, target: Path, provenance: Provenance, *, beside: bool = False) -> None:
        """Sign a file that is written, but not in its place yet: in itself, or in the sidecar of its target.

        beside: whether it is the sidecar in any case. Raises MienError if it cannot be signed or the sidecar not be
        written, and OSError if the disk is full.
        """
        media_type = None if beside else EMBEDDING_TYPES.get(target.suffix.lower())
        if media_type is None:
            manifest = self._sidecar(written, target, provenance)
            with whole_file(sidecar_of(target)) as partial:
                partial.write_bytes(manifest)
            return
        signed = temporary(target, "signed")
        try:
            with (
                _signing(target),
                self._builder(provenance) as builder,
                written.open("rb") as source,
                _destination(signed) as result,
            ):
                builder.sign(self._signer(), media_type, source, result)
            os.replace(signed, written)
        finally:
            with suppress(OSError):
                signed.unlink(missing_ok=True)

    def _sidecar(self, written: Path, target: Path, provenance: Provenance) -> bytes:
        with _signing(target), self._builder(provenance) as builder, written.open("rb") as source:
            builder.set_no_embed()
            with open(os.devnull, "w+b") as nowhere:  # the file itself, which stays as it is
                manifest: bytes = builder.sign(self._signer(), _OPAQUE, source, nowhere)
                return manifest

    def _signer(self) -> "c2pa.Signer":
        import c2pa

        key = self.key
        return c2pa.Signer.from_info(c2pa.C2paSignerInfo(key.algorithm, key.chain_pem, key.private_key_pem, None))

    def _builder(self, provenance: Provenance) -> "c2pa.Builder":
        import c2pa

        return c2pa.Builder(manifest_of(provenance), offline())


def offline(anchors: str = "") -> "c2pa.Context":
    """c2pa's context in which it fetches nothing, and makes no thumbnail.

    anchors: PEM of certificates to be trusted.
    """
    import c2pa

    settings = c2pa.Settings.from_dict({"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}})
    settings.set("builder.thumbnail.enabled", "false")
    if anchors:
        settings.update({"trust": {"user_anchors": anchors}})
    return c2pa.Context(settings)


def media_type_of(path: Path) -> str:
    """As what c2pa is to take a file: by its suffix, or as bytes of which each counts."""
    return EMBEDDING_TYPES.get(path.suffix.lower(), _OPAQUE)


def manifest_of(provenance: Provenance) -> dict[str, Any]:
    """What is signed, as c2pa's manifest definition.

    The input is no ingredient of it: its name, picture and digest would lead to what was to be hidden.
    """
    agent = {"name": "mien", "version": provenance.version}
    plugins = [
        {"kind": use.kind, "choice": use.choice, "distribution": use.distribution, "version": use.version}
        for use in provenance.plugins
    ]
    actions = [
        {"action": "c2pa.created", "digitalSourceType": provenance.source_type, "softwareAgent": agent},
        {
            "action": "c2pa.edited",
            "digitalSourceType": provenance.source_type,
            "softwareAgent": agent,
            "description": provenance.action,
        },
    ]
    faces = {"action": provenance.action, "run": provenance.run, "plugins": plugins}
    return {
        "claim_generator_info": [agent],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": FACES_ASSERTION, "data": faces},
        ],
    }


def sidecar_of(path: Path) -> Path:
    """Where the credentials of a file stand that cannot hold them: OUTPUT.mkv.c2pa."""
    return fitting(path.with_name(path.name + SIDECAR_SUFFIX), path.suffix + SIDECAR_SUFFIX)


def remove_sidecar(path: Path) -> None:
    """Remove what may stand beside a file that is written anew, if its format does not always hold credentials."""
    if path.suffix.lower() not in EMBEDDING_TYPES or path.suffix.lower() in _PAGE_SUFFIXES:
        with writing_to(path):
            sidecar_of(path).unlink(missing_ok=True)


class _HeardFile(io.FileIO):
    """A file that keeps the error of a write, of which c2pa hands on the text alone."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        """As any file."""
        try:
            return super().write(data) or 0
        except OSError as error:
            self.error = error
            raise


@contextmanager
def _destination(path: Path) -> Iterator[io.BufferedRandom]:
    """A new file to sign into; raises the OSError of a write that failed, whatever c2pa made of it."""
    file = _HeardFile(path, "w+")
    try:
        with io.BufferedRandom(file) as buffered:
            yield buffered
    except Exception:
        if file.error:
            raise file.error from None
        raise


@contextmanager
def _signing(what: Path | str) -> Iterator[None]:
    import c2pa

    try:
        yield
    except c2pa.C2paError as error:
        raise MienError(
            f"{what} cannot be signed: {error}.",
            "--no-credentials writes it without Content Credentials; --certificate and --private-key name another key",
        ) from error
