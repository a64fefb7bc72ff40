"""What a file says of its making, and whether it was changed since: its Content Credentials, and mien's label."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from mien.errors import MienError
from mien.media.credentials import FACES_ASSERTION, SIDECAR_SUFFIX, media_type_of, offline, sidecar_of
from mien.media.provenance import PluginUse, read_provenance
from mien.media.signing_key import SELF_MADE, SigningKey, own_key_path

State = Literal["valid", "changed", "invalid", "none"]
Trust = Literal["own key", "trusted", "self-made key", "not trusted"]
_OF_THE_FILE = ("assertion.dataHash", "assertion.bmffHash", "assertion.boxesHash", "assertion.collectionHash")
_UNTRUSTED = "signingCredential.untrusted"
_TRUSTED = {"signingCredential.trusted", "claimSignature.validated"}
_CONFIG = ConfigDict(frozen=True)


class SignedBy(BaseModel):
    """Whose key has signed."""

    model_config = _CONFIG

    name: str
    """The common name of the certificate."""
    organization: str
    serial_number: str
    """Of the certificate, in decimal digits."""
    trust: Trust
    """"own key": the one that mien made here. "trusted": a certificate below one that c2pa or --trust names.
    "self-made key": one that some mien made on first use. "not trusted": any other."""


class Label(BaseModel):
    """What the XMP packet says, which anybody can write and remove."""

    model_config = _CONFIG

    digital_source_type: str
    """IPTC's term, as its URI."""
    version: str
    action: str
    run: str


class FileVerification(BaseModel):
    """What `verify` found."""

    model_config = _CONFIG

    path: str
    state: State
    """"valid": signed, and as it was when it was signed. "changed": signed, and changed since. "invalid": the
    credentials themselves are damaged, forged or out of date. "none": there are none."""
    found_in: str = ""
    """The file itself, or the sidecar; empty if there are none."""
    signed_by: SignedBy | None = None
    made_by: str = ""
    """The program, as "mien 0.1.0"."""
    digital_source_types: list[str] = []
    """IPTC's terms, as URIs."""
    actions: list[str] = []
    """What was done, in order: "c2pa.edited: faces drawn as anna"."""
    run: str = ""
    """The digest of the run that drew; empty if it does not say."""
    plugins: list[PluginUse] = []
    problems: list[str] = []
    """Why it is not valid, as c2pa says it."""
    label: Label | None = None
    """None: there is none of mien's."""

    @property
    def is_valid(self) -> bool:
        """Whether it is signed and was not changed since."""
        return self.state == "valid"

    @property
    def took_part(self) -> dict[str, frozenset[str]]:
        """Kind → names of the plugins that drew, as far as the credentials say; a recognizer is a kind here, too."""
        kinds = {use.kind for use in self.plugins}
        return {
            kind: frozenset(use.choice.partition(":")[0] for use in self.plugins if use.kind == kind) for kind in kinds
        }


def verify(path: Path, *, trust: Sequence[Path] = ()) -> FileVerification:
    """Read the Content Credentials of an image or video, in it or beside it, and the label. Nothing is fetched.

    path: of the file. trust: PEM files of certificates to be trusted beside the key of this installation.
    Returns what was found; a file without credentials is no error.
    Raises MienError if the file is missing or neither an image nor a video, or one of trust cannot be read.
    """
    path = Path(path)
    label = _label(path)
    own = SigningKey.own(own_key_path()) if own_key_path().exists() else None
    anchors = [_text_of(one) for one in trust] + ([own.root_pem.decode()] if own else [])
    sidecar = next((one for one in _sidecars(path) if one.is_file()), None)
    manifest, found_in, problem = _manifest(path, sidecar, "\n".join(anchors))
    if manifest is None:
        state: State = "invalid" if problem else "none"
        return FileVerification(
            path=str(path), state=state, found_in=found_in, problems=[problem] if problem else [], label=label
        )
    active = manifest["manifests"][manifest["active_manifest"]]
    failures = _failures(manifest)
    own_data = (one["data"] for one in active.get("assertions", []) if one["label"] == FACES_ASSERTION)
    faces: Mapping[str, Any] = next(own_data, {})
    actions = list(_actions(active))
    return FileVerification(
        path=str(path),
        state=_state(manifest, failures),
        found_in=found_in,
        signed_by=_signed_by(active, manifest, own),
        made_by=", ".join(f"{one['name']} {one.get('version', '')}".strip() for one in _generators(active)),
        digital_source_types=list(dict.fromkeys(str(one["digitalSourceType"]) for one in actions
                                                if "digitalSourceType" in one)),
        actions=[": ".join(filter(None, [one["action"], one.get("description", "")])) for one in actions],
        run=str(faces.get("run", "")),
        plugins=[PluginUse(**{name: str(use.get(name, "")) for name in ("kind", "choice", "distribution", "version")})
                 for use in faces.get("plugins", [])],
        problems=failures,
        label=label,
    )  # fmt: skip


def _label(path: Path) -> Label | None:
    said = read_provenance(path)
    if said is None:
        return None
    return Label(digital_source_type=said.source_type, version=said.version, action=said.action, run=said.run)


def _sidecars(path: Path) -> Iterator[Path]:
    yield sidecar_of(path)
    yield path.with_suffix(SIDECAR_SUFFIX)  # as c2patool names it


def _manifest(path: Path, sidecar: Path | None, anchors: str) -> tuple[Mapping[str, Any] | None, str, str]:
    """The manifest store, where it was found, and why it cannot be read if it cannot."""
    import c2pa

    context = offline(anchors)
    try:
        with path.open("rb") as file, c2pa.Reader(None, file, context=context) as reader:
            return json.loads(reader.json()), str(path), ""
    except (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported):
        pass  # there are none, or the format holds none
    except c2pa.C2paError as error:
        return None, str(path), str(error)
    if sidecar is None:
        return None, "", ""
    try:
        with (
            path.open("rb") as file,
            c2pa.Reader(media_type_of(path), file, sidecar.read_bytes(), context) as reader,
        ):
            return json.loads(reader.json()), str(sidecar), ""
    except c2pa.C2paError as error:
        return None, str(sidecar), str(error)


def _state(manifest: Mapping[str, Any], failures: Sequence[str]) -> State:
    if manifest.get("validation_state") in ("Valid", "Trusted") and not failures:
        return "valid"
    return "changed" if all(one.startswith(_OF_THE_FILE) for one in failures) else "invalid"


def _failures(manifest: Mapping[str, Any]) -> list[str]:
    """What does not hold, by c2pa's codes; who is trusted is another question."""
    return [
        f"{one['code']}: {one.get('explanation', '')}".removesuffix(": ")
        for one in _results(manifest, "failure")
        if one["code"] != _UNTRUSTED
    ]


def _results(manifest: Mapping[str, Any], which: str) -> list[Mapping[str, Any]]:
    """What was checked of the file's own credentials, as c2pa tells it: "success" or "failure"."""
    return list(manifest.get("validation_results", {}).get("activeManifest", {}).get(which, []))


def _signed_by(active: Mapping[str, Any], manifest: Mapping[str, Any], own: SigningKey | None) -> SignedBy | None:
    said = active.get("signature_info")
    if not said:
        return None
    serial_number, organization = str(said.get("cert_serial_number", "")), str(said.get("issuer", ""))
    held = {str(one["code"]) for one in _results(manifest, "success")}
    trust: Trust = "self-made key" if organization == SELF_MADE else "not trusted"
    if held >= _TRUSTED:  # also of a file that was changed since: whose key it was stays the same
        trust = "own key" if own and own.serial_number == serial_number else "trusted"
    return SignedBy(
        name=str(said.get("common_name", "")), organization=organization, serial_number=serial_number, trust=trust
    )


def _generators(active: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(active.get("claim_generator_info", []))


def _actions(active: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for assertion in active.get("assertions", []):
        if assertion["label"].startswith("c2pa.actions"):
            yield from assertion["data"]["actions"]


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text, as PEM is"
        raise MienError(f"{path} cannot be read: {why}.", f"ls -l {path.parent}") from error
