"""A token issuer as Google is one: signs OIDC tokens, serves its certificates over HTTP."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

AUDIENCE = "https://generator.example"
ACCOUNT = "eventarc@motif-local.iam.gserviceaccount.com"
KEY_ID = "key-1"


@cache
def private_key(name: str) -> rsa.RSAPrivateKey:
    """One key per name and test run; making one takes about 0.1 s."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def certificate(name: str) -> str:
    """The self-signed PEM certificate of ``private_key(name)``."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private_key(name).public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    signed = builder.sign(private_key(name), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def claims(**changes: Any) -> dict[str, Any]:
    """What Google's tokens say; a claim set to ... is left out."""
    now = int(time.time())
    said = {
        "iss": "https://accounts.google.com",
        "aud": AUDIENCE,
        "email": ACCOUNT,
        "email_verified": True,
        "sub": "1",
        "iat": now,
        "exp": now + 3600,
    } | changes
    return {name: value for name, value in said.items() if value is not ...}


def segment(value: object) -> str:
    """Base64url without padding; anything but bytes and text goes through JSON."""
    if not isinstance(value, bytes):
        value = (value if isinstance(value, str) else json.dumps(value)).encode()
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def rs256(name: str) -> Callable[[bytes], bytes]:
    """Signs with ``private_key(name)``."""
    return lambda text: private_key(name).sign(text, padding.PKCS1v15(), hashes.SHA256())


def token(
    said: object = None,
    *,
    header: object = None,
    sign: Callable[[bytes], bytes] | None = None,
) -> str:
    """A genuine token unless something else is asked for."""
    head = {"alg": "RS256", "kid": KEY_ID, "typ": "JWT"} if header is None else header
    text = f"{segment(head)}.{segment(claims() if said is None else said)}"
    return f"{text}.{segment((sign or rs256(KEY_ID))(text.encode()))}"


def platform_token(said: object = None) -> str:
    """The same after Cloud Run's invoker check."""
    return token(said).rpartition(".")[0] + ".SIGNATURE_REMOVED_BY_GOOGLE"


class CertsServer(ThreadingHTTPServer):
    """Answers each GET with ``status``, ``headers`` and ``body``, once ``gate`` is open."""

    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Certs)
        self.url = f"http://127.0.0.1:{self.server_port}/certs"
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = json.dumps({KEY_ID: certificate(KEY_ID)})
        self.hits = 0
        self.gate = threading.Event()
        self.gate.set()


class _Certs(BaseHTTPRequestHandler):
    server: CertsServer

    def do_GET(self) -> None:
        self.server.hits += 1
        self.server.gate.wait(10)
        body = self.server.body.encode()
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def certs_server() -> Iterator[CertsServer]:
    """Serve in a thread until the block ends."""
    with CertsServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
