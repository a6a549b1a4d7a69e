"""Local signing keys: for what Google's token service and IAM sign in the cloud."""

import datetime as dt
import fcntl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

PUSH_ACCOUNT = "eventarc@motif-local.iam.gserviceaccount.com"
SCHEDULER_ACCOUNT = "scheduler@motif-local.iam.gserviceaccount.com"
SIGNER_ACCOUNT = "signer@motif-local.iam.gserviceaccount.com"

_OIDC, _SIGNER = "oidc", "signer"


@dataclass(frozen=True)
class SigningKey:
    """An RSA key with its self-signed certificate; serves google.auth.jwt.encode as its signer.

    `key_id` is the first 40 hexadecimal digits of the certificate's SHA-256 (Google's are as long).
    """

    key_id: str
    certificate_pem: str
    private: rsa.RSAPrivateKey

    def sign(self, message: bytes | str) -> bytes:
        """RSASSA-PKCS1-v1_5 with SHA-256 (RS256 of RFC 7518; GOOG4-RSA-SHA256 of V4 URLs)."""
        data = message.encode() if isinstance(message, str) else message
        return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())


def ensure(folder: Path) -> None:
    """Make both keys with their certificates where missing; safe to call from many processes."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in (_OIDC, _SIGNER):
            # The certificate is written last, so its presence means that the pair is whole.
            if not (folder / f"{name}.cert.pem").exists():
                _make(folder, name)


def oidc(folder: Path) -> SigningKey:
    """The key of push and scheduler tokens. Raises FileNotFoundError before `ensure`."""
    return _load(folder, _OIDC)


def signer(folder: Path) -> SigningKey:
    """The key of SIGNER_ACCOUNT (signBlob, V4 URLs). Raises FileNotFoundError before `ensure`."""
    return _load(folder, _SIGNER)


def _load(folder: Path, name: str) -> SigningKey:
    pem = (folder / f"{name}.cert.pem").read_text()
    certificate = x509.load_pem_x509_certificate(pem.encode())
    private = serialization.load_pem_private_key((folder / f"{name}.key.pem").read_bytes(), None)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise TypeError(f"{name}.key.pem is no RSA key")
    return SigningKey(certificate.fingerprint(hashes.SHA256()).hex()[:40], pem, private)


def _make(folder: Path, name: str) -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key_file = folder / f"{name}.key.pem"
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (folder / f"{name}.cert.pem").write_bytes(
        _certificate(private, name).public_bytes(serialization.Encoding.PEM)
    )


def _certificate(private: rsa.RSAPrivateKey, name: str) -> x509.Certificate:
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name}.motif-local")])
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=3650))
        .sign(private, hashes.SHA256())
    )
