import datetime as dt
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.notifier.delivery import Answer
from services.notifier.egress import Egress

SECONDS = 0.6
BODY = b'{"type":"track.completed"}'
TLS_HELLO = b"\x16\x03"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Answering = Callable[[socket.socket], None]


class Loopback:
    """A server of raw bytes; ``seen`` holds each request as it came."""

    def __init__(self, answer: Answering, tls: ssl.SSLContext | None, host: str) -> None:
        self._answer = answer
        self._tls = tls
        self._host = host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self.port: int = self._listener.getsockname()[1]
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.seen: list[bytes] = []
        self._stopped = False
        self.thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                if self._stopped:
                    return
                with suppress(OSError):
                    self._one(connection)

    def _one(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        if self._tls:
            with self._tls.wrap_socket(connection, server_side=True) as secured:
                self._exchange(secured)
        else:
            self._exchange(connection)

    def _exchange(self, connection: socket.socket) -> None:
        request = b""
        while not request.endswith(BODY) and not request.startswith(TLS_HELLO):
            piece = connection.recv(65536)
            if not piece:
                return
            request += piece
        self.seen.append(request)
        self._answer(connection)

    def stop(self) -> None:
        self._stopped = True
        socket.create_connection((self._host, self.port)).close()
        self.thread.join()
        self._listener.close()


@contextmanager
def loopback(
    answer: Answering, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[Loopback]:
    server = Loopback(answer, tls, host)
    server.thread.start()
    try:
        yield server
    finally:
        server.stop()


def says(text: bytes) -> Answering:
    return lambda connection: connection.sendall(text)


def status(line: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {line}", *headers, "Content-Length: 0", "", ""]).encode()


def post(url: str, *allowed: str, tls: ssl.SSLContext | None = None) -> Answer:
    egress = Egress(allowed=frozenset(allowed), seconds=SECONDS, tls=tls)
    return egress.post(url, {"webhook-id": "msg_1"}, BODY)


def post_to(server: Loopback, path: str = "/hook?a=b") -> Answer:
    return post(server.origin + path, server.origin)


def test_what_is_sent() -> None:
    with loopback(says(OK)) as server:
        answer = post_to(server)
    assert (answer.status, answer.code) == (200, "")
    head, body = server.seen[0].split(b"\r\n\r\n")
    line, *rest = head.decode().split("\r\n")
    assert line == "POST /hook?a=b HTTP/1.1"
    headers = dict(field.lower().split(": ", 1) for field in rest)
    assert headers == {
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "close",
        "content-length": str(len(BODY)),
        "content-type": "application/json",
        "host": server.origin.removeprefix("http://"),
        "user-agent": "motif-webhooks/0.1",
        "webhook-id": "msg_1",
    }
    assert body == BODY


@pytest.mark.parametrize("code", [204, 400, 404, 410, 429, 500, 503])
def test_a_status_is_the_answer(code: int) -> None:
    with loopback(says(status(f"{code} X", "Retry-After: 17"))) as server:
        answer = post_to(server)
    assert (answer.status, answer.code, answer.retry_after) == (code, "", "17")


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(code: int) -> None:
    with loopback(says(OK)) as target:
        moved = status(f"{code} X", f"Location: {target.origin}/")
        with loopback(says(moved)) as server:
            answer = post(server.origin, server.origin, target.origin)
    assert answer.status == code
    assert target.seen == []


def test_proxies_and_credentials_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with loopback(says(OK)) as proxy, loopback(says(OK)) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.origin)
        assert post_to(server).status == 200
    assert proxy.seen == []
    assert b"uthorization" not in server.seen[0]


def drip(connection: socket.socket) -> None:
    with suppress(OSError):
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 1000:
            connection.send(bytes([byte]))
            time.sleep(0.02)


def stall(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.recv(1)


@pytest.mark.parametrize("answer", [drip, stall])
def test_a_slow_server_holds_nothing_beyond_the_clock(answer: Answering) -> None:
    with loopback(answer) as server:
        result = post_to(server)
    assert (result.status, result.code) == (0, "timeout")
    assert SECONDS * 1000 - 50 <= result.milliseconds < SECONDS * 1000 + 1000


def test_a_stalled_handshake_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = post(f"https://127.0.0.1:{silent.getsockname()[1]}/")
    assert answer.code == "timeout"


def dripping_body(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        drip(connection)


def test_the_status_is_the_verdict_whatever_the_body_does() -> None:
    with loopback(dripping_body) as server:
        answer = post_to(server)
    assert (answer.status, answer.code) == (200, "")
    assert answer.milliseconds < SECONDS * 1000 + 1000


@pytest.mark.parametrize(
    "body", [b"Content-Length: 9\r\n\r\nshort", b"Content-Encoding: gzip\r\n\r\n\x1f\x8bno gzip"]
)
def test_a_broken_body_changes_nothing(body: bytes) -> None:
    with loopback(says(b"HTTP/1.1 202 OK\r\n" + body)) as server:
        assert post_to(server).status == 202


def test_a_huge_body_is_left_where_it_is() -> None:
    sent = 0

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        with suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            while True:
                sent += connection.send(b"a" * 65536)

    with loopback(flood) as server:
        assert post_to(server).status == 200
    assert sent < 16_000_000  # the buffers of both sockets


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (reset, "connection_reset"),
        (lambda _: None, "network_error"),
        (says(b"SSH-2.0-OpenSSH_9.9\r\n"), "network_error"),
        (says(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000), "network_error"),
    ],
)
def test_an_answer_that_is_none(answer: Answering, code: str) -> None:
    with loopback(answer) as server:
        result = post_to(server)
    assert (result.status, result.code) == (0, code)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        origin = f"http://127.0.0.1:{gone.getsockname()[1]}"
    assert post(origin, origin).code == "connection_refused"


def test_a_name_that_does_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert post("https://no-such-host.invalid/").code == "dns_error"


def test_a_name_server_that_hangs_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(10))
    answer = post("https://hooks.example.com/")
    over.set()
    assert answer.code == "timeout"
    assert answer.milliseconds < SECONDS * 1000 + 1000


def test_a_name_is_looked_up_once_and_its_next_address_tried_when_one_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lookups = []
    with loopback(says(OK), host="::1") as server:
        found = [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", server.port, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port)),
        ]

        def resolve(host: str, *_: object, **__: object) -> list[object]:
            lookups.append(host)
            return [*found]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        origin = f"http://hooks.example:{server.port}"
        assert post(origin, origin).status == 200
        del found[0]
        assert post(origin, origin).code == "connection_refused"
        monkeypatch.undo()
    assert lookups == ["hooks.example"] * 2
    assert b"Host: hooks.example:" in server.seen[0]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "https://u:p@h.example/", "ftp://h.example/", "nonsense"]
)
def test_a_target_that_is_not_allowed_is_not_even_looked_up(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", None)
    assert post(url).code == "target_not_allowed"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PEM key and self-signed certificate for localhost and 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("hooks.example"), x509.IPAddress(IPv4Address("127.0.0.1"))]
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[Loopback]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with loopback(says(OK), context) as server:
        yield server


def test_a_certificate_that_nobody_vouches_for(tls_server: Loopback) -> None:
    assert post(tls_server.origin).code == "tls_error"
    assert tls_server.seen == []


def test_the_certificate_is_checked_against_the_name(
    tls_server: Loopback, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    found = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", tls_server.port))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [found])
    assert post(f"https://hooks.example:{tls_server.port}/", tls=trusting).status == 200
    assert post(f"https://other.example:{tls_server.port}/", tls=trusting).code == "tls_error"
    assert len(tls_server.seen) == 1


def test_plain_http_on_a_tls_port() -> None:
    with loopback(says(OK)) as server:
        assert post(server.origin.replace("http", "https")).code == "tls_error"


def test_urls_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with loopback(says(OK)) as server:
        post_to(server, "/hook/secret-path")
    assert "secret-path" not in caplog.text
