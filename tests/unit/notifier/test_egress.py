import socket
import threading
from pathlib import Path

import pytest

from services.notifier.delivery import Answer
from services.notifier.egress import Egress
from shared.targets import Targets
from tests.support.loopback import (
    BODY,
    OK,
    Answering,
    Loopback,
    loopback,
    reset,
    says,
    status,
)

SECONDS = 5.0


def post(url: str, allowed: str = "127.0.0.0/8") -> Answer:
    egress = Egress(targets=Targets(allowed), seconds=SECONDS)
    return egress.post(url, {"webhook-id": "msg_1"}, BODY)


def post_to(server: Loopback, path: str = "/hook?a=b") -> Answer:
    return post(server.origin + path)


def test_what_is_sent() -> None:
    with loopback(says(OK)) as server:
        answer = post_to(server)
    assert (answer.status, answer.code, answer.answer) == (200, "", "ok")
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


def test_the_first_of_two_addresses_in_a_url_is_the_one_that_counts() -> None:
    with loopback(says(OK)) as server:
        assert post_to(server, "/http://127.0.0.1:1/?http://x@127.0.0.1:1/").status == 200
    assert server.seen[0].startswith(b"POST /http://127.0.0.1:1/?http://x@127.0.0.1:1/ HTTP/1.1")


@pytest.mark.parametrize("code", [204, 400, 404, 410, 429, 500, 503])
def test_a_status_is_the_answer(code: int) -> None:
    with loopback(says(status(f"{code} X", "Retry-After: 17"))) as server:
        answer = post_to(server)
    assert (answer.status, answer.code, answer.retry_after) == (code, "", "17")


def test_a_header_without_end_is_cut() -> None:
    with loopback(says(status("429 X", "RETRY-AFTER: " + "9" * 30_000))) as server:
        assert post_to(server).retry_after == "9" * 128


def test_informational_answers_are_passed_over() -> None:
    with loopback(says(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK)) as server:
        assert post_to(server).status == 200


def test_a_switch_of_protocols_is_no_success() -> None:
    with loopback(says(b"HTTP/1.1 101 X\r\nUpgrade: y\r\nConnection: upgrade\r\n\r\n")) as server:
        assert not post_to(server).accepted


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(code: int) -> None:
    with loopback(says(OK)) as target:
        moved = status(f"{code} X", f"Location: {target.origin}/")
        with loopback(says(moved)) as server:
            answer = post_to(server)
    assert answer.status == code
    assert not answer.accepted
    assert (len(server.seen), target.accepted) == (1, 0)


def test_proxies_and_credentials_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with loopback(says(OK)) as proxy, loopback(says(OK)) as server:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.origin)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        assert post_to(server).status == 200
    assert proxy.accepted == 0
    assert b"uthorization" not in server.seen[0]


def body_of(text: bytes) -> bytes:
    return b"HTTP/1.1 500 X\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"", ""),
        ("drei Wünsche\n\tfrei".encode(), "drei Wünsche\n\tfrei"),
        (b"a\x00b\x1b[31mc\rd\x7fe\xc2\x9bf", "ab[31mcdef"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"x" * 1023 + "ü".encode(), "x" * 1023 + "\ufffd"),
        (b"x" * 1025, "x" * 1024),
        (b"x" * 100_000, "x" * 1024),
    ],
)
def test_the_first_kilobyte_of_an_answer_is_kept_as_text(sent: bytes, kept: str) -> None:
    with loopback(says(body_of(sent))) as server:
        assert post_to(server).answer == kept


@pytest.mark.parametrize(
    ("rest", "kept"),
    [
        (b"Content-Length: 9\r\n\r\nshort", "short"),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nno length\r\n", "short"),
        (b"Content-Encoding: gzip\r\n\r\nno gzip", "no gzip"),
        (b"\r\nuntil the end", "until the end"),
    ],
)
def test_the_status_is_the_verdict_whatever_the_body_does(rest: bytes, kept: str) -> None:
    with loopback(says(b"HTTP/1.1 202 OK\r\n" + rest)) as server:
        answer = post_to(server)
    assert (answer.status, answer.code, answer.answer) == (202, "", kept)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (reset, "connection_reset"),
        (lambda _: None, "network_error"),
        (says(b"SSH-2.0-OpenSSH_9.9\r\n"), "network_error"),
        (says(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000), "network_error"),
        (says(b"HTTP/1.1 200 OK\r\nX: y"), "network_error"),
        (says(b"HTTP/1.1 103 X\r\n\r\n" * 20_000), "network_error"),
        (
            says(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            "network_error",
        ),
    ],
)
def test_an_answer_that_is_none(answer: Answering, code: str) -> None:
    with loopback(answer) as server:
        result = post_to(server)
    assert (result.status, result.code) == (0, code)
    assert len(server.seen) == 1


def test_an_answer_before_the_request_was_sent_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = threading.Event()
    real, sent = socket.socket.connect, socket.socket.send
    failures: list[OSError] = []

    def connect(this: socket.socket, address: tuple[str, int]) -> None:
        real(this, address)
        assert closed.wait(5)

    def send(this: socket.socket, data: memoryview) -> int:
        try:
            return sent(this, data)
        except OSError as exc:
            failures.append(exc)
            raise

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            connection.sendall(b"HTTP/1.1 413 X\r\nContent-Length: 0\r\n\r\n")
            connection.close()
            closed.set()

        server = threading.Thread(target=refuse)
        server.start()
        monkeypatch.setattr(socket.socket, "connect", connect)
        monkeypatch.setattr(socket.socket, "send", send)
        answer = post(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        server.join()
    assert len(failures) == 1
    assert answer.status == 413


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        origin = f"http://127.0.0.1:{gone.getsockname()[1]}"
    assert post(origin).code == "connection_refused"


def test_neither_urls_nor_answers_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    told = status("200 OK", "Set-Cookie: secret-cookie")
    with loopback(says(told)) as server:
        assert post_to(server, "/hook/secret-path").status == 200
    assert "secret" not in caplog.text


def test_many_at_once_share_nothing() -> None:
    answers: list[Answer] = []
    egress = Egress(targets=Targets("127.0.0.1"), seconds=SECONDS)
    with loopback(says(OK)) as server:

        def send() -> None:
            answers.append(egress.post(server.origin, {}, BODY))

        senders = [threading.Thread(target=send) for _ in range(20)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    assert [answer.status for answer in answers] == [200] * 20
    assert server.accepted == 20
