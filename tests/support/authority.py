"""A certificate authority of the tests, and what it signs."""

import datetime as dt
import ssl
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = dt.timedelta(days=1)


class Authority:
    """One root; its certificates name hosts and addresses."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        root = _builder("the tests' root", self._key, "the tests' root").add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self._root = root.sign(self._key, hashes.SHA256())

    def trusting(self) -> ssl.SSLContext:
        """A client's context that trusts this root, and no other."""
        root = self._root.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=root)

    def server(self, *names: str) -> tuple[ssl.SSLContext, list[str | None]]:
        """A server's context with a certificate for *names*; the list gets each SNI."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._issue(names))
        asked: list[str | None] = []

        def note(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
            asked.append(name)

        context.sni_callback = note
        return context, asked

    def _issue(self, names: Sequence[str]) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = x509.SubjectAlternativeName([_general(name) for name in names])
        signed = (
            _builder(names[0], key, "the tests' root")
            .add_extension(alternatives, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        file = self._folder / f"{signed.serial_number}.pem"
        file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
        return file


def _builder(subject: str, key: ec.EllipticCurvePrivateKey, issuer: str) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_called(subject))
        .issuer_name(_called(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
    )


def _called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
