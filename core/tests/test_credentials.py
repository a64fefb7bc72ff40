"""Content Credentials: signed is what is written, in it or beside it, and whoever reads it learns what was done."""

import errno
import json
import stat
from dataclasses import replace
from pathlib import Path

import av
import c2pa
import numpy as np
import pytest
from PIL import Image

from mien.errors import MienError
from mien.media import credentials
from mien.media.credentials import EMBEDDING_TYPES, Signer, sidecar_of
from mien.media.images import LABELLED_SUFFIXES, read_image, write_image
from mien.media.provenance import PluginUse, Provenance, read_provenance
from mien.media.signing_key import SELF_MADE, SigningKey, own_key_path
from mien.media.verify import verify
from mien.media.video_reader import VideoSource
from mien.media.video_writer import WRITABLE_SUFFIXES, VideoSink

CLIPS = Path(__file__).resolve().parents[2] / "tests" / "data" / "clips"
EXTRACTOR = PluginUse("extractor", "centerface:at_least=0.3", "mien-extractor-centerface", "0.1.0")
MADE = Provenance("0.1.0", "faces drawn as E", "3fa2", plugins=(EXTRACTOR,), signer=Signer())
UNSIGNED = replace(MADE, signer=None)
FACE = np.arange(24 * 32 * 3, dtype=np.uint8).reshape(24, 32, 3)


def video(path: Path, synthetic: Provenance | None = MADE, frames: int = 3) -> Path:
    source = VideoSource(CLIPS / "target_J_2s_audio.mp4")
    with VideoSink(path, source, synthetic=synthetic, sound=False) as sink:
        for frame in source.frames(0, frames):
            sink.write(frame.image, frame.pts, frame.duration)
    return path


def flip_a_bit(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("suffix", LABELLED_SUFFIXES)
def test_an_image_holds_its_credentials_and_the_pixels_it_had(suffix: str, tmp_path: Path) -> None:
    signed, plain = tmp_path / f"signed{suffix}", tmp_path / f"plain{suffix}"
    write_image(signed, FACE, synthetic=MADE)
    write_image(plain, FACE, synthetic=UNSIGNED)
    assert (read_image(signed) == read_image(plain)).all()
    assert read_provenance(signed) == UNSIGNED
    found = verify(signed)
    assert (found.state, found.found_in, found.problems) == ("valid", str(signed), [])
    assert found.signed_by and found.signed_by.trust == "own key"
    assert found.actions == ["c2pa.created", "c2pa.edited: faces drawn as E"]
    assert [uri.rpartition("/")[2] for uri in found.digital_source_types] == ["compositeWithTrainedAlgorithmicMedia"]
    assert (found.made_by, found.run, found.plugins) == ("mien 0.1.0", "3fa2", [EXTRACTOR])
    assert found.took_part == {"extractor": frozenset({"centerface"})}
    assert found.label and found.label.action == "faces drawn as E"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([signed.name, plain.name])


@pytest.mark.parametrize("suffix", WRITABLE_SUFFIXES)
def test_a_video_holds_its_credentials_or_has_them_beside_it(suffix: str, tmp_path: Path) -> None:
    path = video(tmp_path / f"a{suffix}")
    found = verify(path)
    holds = suffix in EMBEDDING_TYPES
    assert found.is_valid and found.found_in == str(path if holds else sidecar_of(path))
    assert {one.name for one in tmp_path.iterdir()} == {path.name, *([] if holds else [f"a{suffix}.c2pa"])}
    plain = VideoSource(video(tmp_path / "plain" / path.name, UNSIGNED))
    for frame, other in zip(VideoSource(path).frames(), plain.frames(), strict=True):
        assert (frame.image == other.image).all() and frame.pts == other.pts
    with av.open(str(path)) as signed, av.open(str(plain.path)) as unsigned:
        assert len(signed.streams) == len(unsigned.streams) and signed.duration == unsigned.duration


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.mp4", "a.mkv"])
def test_one_bit_that_was_changed_is_noticed(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    video(path) if name.endswith(("mp4", "mkv")) else write_image(path, FACE, synthetic=MADE)
    size = path.stat().st_size
    at = {"a.png": size - 14, "a.jpg": size - 8, "a.mp4": size - 2000, "a.mkv": size // 2}[name]  # within the pixels
    flip_a_bit(path, at)
    found = verify(path)
    assert found.state == "changed" and not found.is_valid
    assert found.signed_by and found.signed_by.trust == "own key", "the key is the one that it was"
    assert all(problem.startswith("assertion.") for problem in found.problems) and found.problems


def test_credentials_that_were_changed_are_invalid(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_image(path, FACE, synthetic=MADE)
    path.write_bytes(path.read_bytes().replace(b"faces drawn as E", b"faces drawn as J"))
    assert verify(path).state == "invalid"


def test_a_signature_that_does_not_hold_is_nobody_s(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    video(path)
    sidecar = sidecar_of(path)
    data = sidecar.read_bytes()
    at = data.rindex(b"\xf6X@") + 10  # within the 64 bytes of the signature
    sidecar.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    found = verify(path)
    assert found.state == "invalid"
    assert found.signed_by is None or found.signed_by.trust == "self-made key"


def test_a_certificate_to_trust_that_is_not_there_is_told(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", FACE, synthetic=MADE)
    with pytest.raises(MienError, match=r"root\.pem cannot be read: No such file") as refused:
        verify(tmp_path / "a.png", trust=[tmp_path / "root.pem"])
    assert refused.value.fix == f"ls -l {tmp_path}"


def test_an_image_saved_again_has_no_credentials(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", FACE, synthetic=MADE)
    Image.open(tmp_path / "a.png").save(tmp_path / "b.png")
    found = verify(tmp_path / "b.png")
    assert (found.state, found.found_in, found.label, found.signed_by) == ("none", "", None, None)


def test_who_is_only_hidden_is_not_said_to_be_generated(tmp_path: Path) -> None:
    hidden = replace(MADE, action="faces hidden by blocks", is_generated=False)
    write_image(tmp_path / "a.jpg", FACE, synthetic=hidden)
    found = verify(tmp_path / "a.jpg")
    assert [uri.rpartition("/")[2] for uri in found.digital_source_types] == ["algorithmicallyEnhanced"]
    assert found.label and found.label.digital_source_type == found.digital_source_types[0]
    assert read_provenance(tmp_path / "a.jpg") == hidden and hidden.note().startswith("Altered: faces hidden by blocks")


def test_an_old_sidecar_does_not_outlive_its_video(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mkv")
    video(path, UNSIGNED, frames=2)
    assert not sidecar_of(path).exists() and verify(path).state == "none"


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "key.pem"
    monkeypatch.setenv("MIEN_CREDENTIALS_KEY", str(path))
    assert own_key_path() == path
    first, second = SigningKey.own(path), SigningKey.own(path)
    assert first == second and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["key.pem"]
    assert str(first.private_key_pem) not in repr(first)


def test_a_key_is_made_where_there_are_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted", str(target))

    monkeypatch.setattr("os.link", refuse)
    path = tmp_path / "key.pem"
    assert SigningKey.own(path) == SigningKey.own(path) and stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_key_lies_in_the_user_s_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MIEN_CREDENTIALS_KEY")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert own_key_path().name == "credentials.pem" and own_key_path().parent.name == "mien"


def test_a_key_of_another_machine_is_told_from_one_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    write_image(path, FACE, synthetic=replace(MADE, signer=Signer()))
    monkeypatch.setenv("MIEN_CREDENTIALS_KEY", str(tmp_path / "other.pem"))
    for _ in range(2):  # there is no key here, and then another one
        found = verify(path)
        assert found.is_valid and found.signed_by
        assert (found.signed_by.trust, found.signed_by.organization) == ("self-made key", SELF_MADE)
        _ = Signer().key


def test_the_user_s_own_certificate_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = SigningKey.own(tmp_path / "user.pem")
    (tmp_path / "chain.pem").write_bytes(own.chain_pem)
    (tmp_path / "key.pem").write_bytes(own.private_key_pem)
    (tmp_path / "root.pem").write_bytes(own.root_pem)
    signer = Signer(tmp_path / "chain.pem", tmp_path / "key.pem")
    write_image(tmp_path / "a.jpg", FACE, synthetic=replace(MADE, signer=signer))
    found = verify(tmp_path / "a.jpg", trust=[tmp_path / "root.pem"])
    assert found.signed_by and (found.signed_by.trust, found.signed_by.serial_number) == ("trusted", own.serial_number)


@pytest.mark.parametrize(
    ("certificate", "private_key", "message"),
    [
        ("chain.pem", None, "needed together"),
        ("chain.pem", "other.pem", "belongs to another private key"),
        ("missing.pem", "key.pem", "cannot be read"),
        ("key.pem", "key.pem", "holds no certificate"),
        ("chain.pem", "chain.pem", "holds no private key"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_told(
    certificate: str, private_key: str | None, message: str, tmp_path: Path
) -> None:
    key = SigningKey.own(tmp_path / "own.pem")
    (tmp_path / "chain.pem").write_bytes(key.chain_pem)
    (tmp_path / "key.pem").write_bytes(key.private_key_pem)
    (tmp_path / "other.pem").write_bytes(SigningKey.own(tmp_path / "second.pem").private_key_pem)
    with pytest.raises(MienError, match=message) as error:
        _ = Signer(tmp_path / certificate, private_key and tmp_path / private_key).key  # type: ignore[arg-type]
    assert error.value.fix


def test_nothing_is_written_if_it_cannot_be_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_CREDENTIALS_KEY", str(tmp_path / "file" / "key.pem"))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MienError, match="cannot be made") as error:
        video(tmp_path / "a.mp4", replace(MADE, signer=Signer()))
    assert "--no-credentials" in error.value.fix
    with pytest.raises(MienError, match="cannot be made"):
        write_image(tmp_path / "a.png", FACE, synthetic=replace(MADE, signer=Signer()))
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_disk_that_is_full_while_signing_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, data: bytes) -> int:
        self.error = OSError(errno.ENOSPC, "No space left on device")  # type: ignore[attr-defined]
        raise self.error  # type: ignore[attr-defined]

    monkeypatch.setattr(credentials._HeardFile, "write", full)
    with pytest.raises(MienError, match="disk is full"):
        video(tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


def test_the_input_stands_nowhere_in_the_credentials(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4")
    with c2pa.Reader(str(path)) as reader:
        said = reader.json()
    assert "target_J" not in said and "ingredients" not in json.loads(said)["manifests"].popitem()[1]


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(MienError, match="neither an image nor a video"):
        verify(tmp_path / "a.txt")
