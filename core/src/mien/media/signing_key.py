"""The key that Content Credentials are signed with: one that is made on first use, or the user's own."""

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mien.errors import MienError
from mien.media.files import remove_leftovers, temporary, writing_to

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

KEY_VARIABLE = "MIEN_CREDENTIALS_KEY"
"""The environment variable that names another file for the key that mien makes."""
SELF_MADE = "mien (self-made key)"
"""The organization in a certificate that mien has made."""
_YEARS = 20  # without time stamps of an authority, what is signed is no longer valid when the certificate has run out
_ALGORITHM_OF_CURVE = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
_FINGERPRINT_DIGITS = 16
_OWNER_ALONE = 0o600


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the certificates that vouch for it."""

    chain_pem: bytes
    """The key's own certificate first, then those above it."""
    private_key_pem: bytes = field(repr=False)
    algorithm: str
    """As c2pa names it: es256, es384, es512, ps256 or ed25519."""
    serial_number: str
    """Of the key's certificate, in decimal digits."""

    @property
    def root_pem(self) -> bytes:
        """The last certificate of the chain."""
        begin = b"-----BEGIN CERTIFICATE-----"
        return begin + self.chain_pem.rpartition(begin)[2]

    @classmethod
    def own(cls, path: Path) -> "SigningKey":
        """The key in a file, which is made if it is not there yet; only its owner may read it.

        Raises MienError if it cannot be read or made.
        """
        if not path.exists():
            _make(path)
        return cls.of_user(path, path)

    @classmethod
    def of_user(cls, certificate: Path | None, private_key: Path | None) -> "SigningKey":
        """A key and its certificates from PEM files; one file may hold both.

        certificate: the key's own certificate, then those above it. private_key: unencrypted; EC P-256, P-384 or P-521,
        Ed25519, or RSA of 2048 bits or more.
        Raises MienError if one is missing or no PEM, the key is of another kind, the certificate is another key's, or
        it is not valid today.
        """
        from cryptography import x509
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization

        if certificate is None or private_key is None:
            raise MienError(
                "A certificate and its private key are needed together.",
                "--certificate CHAIN.pem --private-key KEY.pem",
            )
        chain_pem, key_pem = _read(certificate), _read(private_key)
        try:
            chain = x509.load_pem_x509_certificates(chain_pem)
        except ValueError as error:
            raise MienError(f"{certificate} holds no certificate: {error}.", "--certificate CHAIN.pem") from error
        try:
            key = serialization.load_pem_private_key(key_pem, None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise MienError(
                f"{private_key} holds no private key that can be used: {error}.",
                "--private-key KEY.pem, a PEM file without a password",
            ) from error
        _check(chain[0], key, certificate)
        encode = serialization.Encoding.PEM
        return cls(
            chain_pem=b"".join(one.public_bytes(encode) for one in chain),
            private_key_pem=key.private_bytes(encode, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
            algorithm=_algorithm(key, private_key),
            serial_number=str(chain[0].serial_number),
        )


def own_key_path() -> Path:
    """Where the key lies that mien makes: what $MIEN_CREDENTIALS_KEY names, or credentials.pem in the user's
    configuration folder (~/.config/mien on Linux, ~/Library/Application Support/mien on macOS, %LOCALAPPDATA%\\mien on
    Windows)."""
    import platformdirs

    named = os.environ.get(KEY_VARIABLE)
    return Path(named) if named else platformdirs.user_config_path("mien", appauthor=False) / "credentials.pem"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MienError(f"{path} cannot be read: {error.strerror}.", f"ls -l {path}") from error


def _check(certificate: "x509.Certificate", key: "PrivateKeyTypes", path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificate.public_key().public_bytes(*form) != key.public_key().public_bytes(*form):
        raise MienError(
            f"The first certificate of {path} belongs to another private key.",
            "--certificate CHAIN.pem --private-key KEY.pem, with the key's own certificate first in the chain",
        )
    now = datetime.now(UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise MienError(
            f"The certificate of {path} is valid from {certificate.not_valid_before_utc:%Y-%m-%d} to "
            f"{certificate.not_valid_after_utc:%Y-%m-%d}, not today.",
            "--certificate CHAIN.pem --private-key KEY.pem",
        )


def _algorithm(key: "PrivateKeyTypes", path: Path) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _ALGORITHM_OF_CURVE:
        return _ALGORITHM_OF_CURVE[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    raise MienError(
        f"C2PA does not sign with the kind of key that {path} holds.",
        "--private-key KEY.pem: EC P-256, P-384 or P-521, Ed25519 or RSA",
    )


def _make(path: Path) -> None:
    """Write a new key and its certificates, unless another process has done so meanwhile."""
    text = _new_key()
    remove_leftovers(path.parent)
    partial = temporary(path, "partial")
    try:
        with writing_to(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, _OWNER_ALONE), "wb") as file:
                file.write(text)
            try:
                os.link(partial, path)  # unlike a rename, never over the key of another process
            except FileExistsError:
                pass
            except OSError:  # a file system without hard links
                os.replace(partial, path)
    except MienError as error:
        raise MienError(
            f"The key for Content Credentials cannot be made: {error.message}",
            f"{KEY_VARIABLE}=FILE names another place; --no-credentials signs nothing",
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _new_key() -> bytes:
    """A private key, its certificate, and the one above it, as PEM: C2PA refuses a certificate that signs itself.

    The key of the certificate above is thrown away, so that no other will ever be signed with it.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    fingerprint = hashlib.sha256(der).hexdigest()[:_FINGERPRINT_DIGITS]

    def name(of: str) -> x509.Name:
        parts = ((NameOID.ORGANIZATION_NAME, SELF_MADE), (NameOID.COMMON_NAME, f"{of} {fingerprint}"))
        return x509.Name([x509.NameAttribute(*part) for part in parts])

    start = datetime.now(UTC) - timedelta(days=1)  # clocks differ
    dated = (
        x509.CertificateBuilder()
        .issuer_name(name("root"))
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=365 * _YEARS))
    )
    root = (
        dated.subject_name(name("root"))
        .public_key(root_key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    certificate = (
        dated.subject_name(name("key"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    encode = serialization.Encoding.PEM
    secret = key.private_bytes(encode, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return secret + certificate.public_bytes(encode) + root.public_bytes(encode)


def _usage(*, signs_certificates: bool) -> "x509.KeyUsage":
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
