"""One wall clock over everything: each of these servers would like to hold us for ever."""

import gzip
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from services.notifier.delivery import Answer
from services.notifier.egress import MAX_READ, Egress
from services.notifier.wire import MOST_READ
from shared.targets import Targets
from tests.support.authority import Authority
from tests.support.internet import Internet
from tests.support.loopback import (
    BODY,
    OK,
    Answering,
    Flood,
    both,
    dripping,
    loopback,
    says,
    stall,
)

SECONDS = 0.5
GRACE = 0.6
HEAD = b"HTTP/1.1 200 OK\r\n"
MANY = b"Content-Length: 10000000\r\n\r\n"


class Reads:
    """How many bytes this thread has taken off its sockets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bytes = 0
        mine, real = threading.current_thread(), socket.socket.recv

        def recv(this: socket.socket, *given: int) -> bytes:
            data = real(this, *given)
            if threading.current_thread() is mine:
                self.bytes += len(data)
            return data

        monkeypatch.setattr(socket.socket, "recv", recv)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


def post(url: str, seconds: float = SECONDS) -> Answer:
    """POST, on time."""
    egress = Egress(targets=Targets("127.0.0.1"), seconds=seconds)
    start = time.monotonic()
    answer = egress.post(url, {}, BODY)
    took = time.monotonic() - start
    assert took < seconds + GRACE
    assert abs(answer.milliseconds - 1000 * took) < 250
    assert len(answer.answer) <= 1024
    return answer


@pytest.mark.parametrize(
    "answer",
    [
        stall,
        dripping(HEAD + b"X-Slow: "),
        dripping(b""),
        dripping(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50),
        both(says(HEAD), stall),
    ],
    ids=["silence", "header drip", "no HTTP at all", "informational drip", "half a head"],
)
def test_a_server_without_a_status_is_a_timeout(answer: Answering) -> None:
    with loopback(answer) as server:
        result = post(server.origin)
    assert len(server.seen) == 1
    assert (result.status, result.code) == (0, "timeout")
    assert result.milliseconds >= SECONDS * 1000 - 50


@pytest.mark.parametrize(
    "rest",
    [MANY, b"\r\n", b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 80],
    ids=["by length", "until the end", "in chunks"],
)
def test_a_dripping_body_changes_nothing(rest: bytes) -> None:
    with loopback(both(says(HEAD + rest), dripping(b"a" * 100))) as server:
        result = post(server.origin)
    assert (result.status, result.code) == (200, "")
    assert result.answer.startswith("aaa")
    assert result.milliseconds >= SECONDS * 1000 - 50


def test_a_dripping_body_is_left_after_two_seconds() -> None:
    with loopback(both(says(HEAD + MANY), dripping(b"a" * 300))) as server:
        result = post(server.origin, seconds=30)
    assert result.status == 200
    assert 1_900 <= result.milliseconds < 2_600


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def full() -> Iterator[int]:
    """A port whose queue of connections is full: a new one gets no answer at all."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            with suppress(BlockingIOError):
                filler.connect(address)
        yield address[1]


def test_a_stalled_handshake_is_a_timeout() -> None:
    with silent() as port:
        assert post(f"https://127.0.0.1:{port}/").code == "timeout"


def test_a_stalled_connect_is_a_timeout() -> None:
    with full() as port:
        result = post(f"http://127.0.0.1:{port}/")
    assert result.code == "timeout"
    assert result.milliseconds >= SECONDS * 1000 - 50


def test_a_dripping_handshake_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                dripping(b"\x16\x03\x03\x3f\xff")(connection)  # a record of 16 kB

        server = threading.Thread(target=drip)
        server.start()
        result = post(f"https://127.0.0.1:{listener.getsockname()[1]}/")
        server.join()
    assert result.code == "timeout"
    assert result.milliseconds >= SECONDS * 1000 - 50


def test_a_dripping_record_after_the_handshake_is_a_timeout(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls, _ = authority.server("127.0.0.1")
    with loopback(dripping(HEAD + b"X-Slow: "), tls) as server:
        egress = Egress(targets=Targets("127.0.0.1"), seconds=SECONDS, tls=authority.trusting())
        result = egress.post(server.origin, {}, BODY)
    assert len(server.seen) == 1
    assert result.code == "timeout"
    assert result.milliseconds < 1000 * (SECONDS + GRACE)


def test_an_address_that_stalls_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with full() as stalled, loopback(says(OK)) as server:
        internet = Internet(monkeypatch)
        internet.routes["10.0.0.1"] = ("127.0.0.1", stalled)
        internet.routes["10.0.0.2"] = ("127.0.0.1", server.port)
        egress = Egress(
            targets=Targets("hooks.example"),
            seconds=SECONDS,
            resolve=lambda *_: ["10.0.0.1", "10.0.0.2"],
        )
        result = egress.post("http://hooks.example/", {}, BODY)
    assert result.status == 200
    assert SECONDS * 500 - 50 <= result.milliseconds < SECONDS * 1000
    assert [host for host, _ in internet.connects] == ["10.0.0.1", "10.0.0.2"]


def test_a_large_answer_is_left_where_it_is(reads: Reads) -> None:
    flood = Flood(HEAD + MANY, b"a" * 65536, most=10_000_000)
    with loopback(flood) as server:
        tracemalloc.start()
        result = post(server.origin)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (result.status, result.answer) == (200, "a" * 1024)
    assert MAX_READ <= reads.bytes <= 2 * MAX_READ
    assert peak < 1_000_000
    assert flood.sent < 10_000_000  # what fits into the buffers of both sockets


def test_a_gzip_bomb_is_not_unpacked(reads: Reads) -> None:
    bomb = gzip.compress(b"a" * 50_000_000)
    packed = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with loopback(says(HEAD + packed + bomb)) as server:
        tracemalloc.start()
        result = post(server.origin)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert result.status == 200
    assert "aaaa" not in result.answer
    assert reads.bytes <= 2 * MAX_READ
    assert peak < 1_000_000


@pytest.mark.parametrize("piece", [b"HTTP/1.1 103 X\r\n\r\n", b"X-Y: zzzzzzzz\r\n"])
def test_a_head_without_end_is_cut_off(piece: bytes, reads: Reads) -> None:
    head = HEAD if piece.startswith(b"X") else b""
    with loopback(Flood(head, piece * 1000, most=100_000_000)) as server:
        result = post(server.origin, seconds=5)
    assert result.code == "network_error"
    assert reads.bytes <= MOST_READ
