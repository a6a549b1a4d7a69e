import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.ingest.config import SPARE_THREADS, Settings
from services.ingest.live import sse
from services.ingest.live.sockets import takes
from services.ingest.live.sse import Mark

TIMES = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - the time zone is given below
    max_value=datetime(3000, 1, 1),  # noqa: DTZ001 - same
    timezones=st.just(UTC),
)
RUNS = st.integers(1, 100)


@given(run=RUNS, at=TIMES, ended=st.booleans())
def test_a_mark_survives_its_way_to_the_client(run: int, at: datetime, *, ended: bool) -> None:
    mark = Mark.of(run, at, ended=ended)
    assert Mark.parse(str(mark)) == mark
    assert "\n" not in str(mark)
    assert Mark.of(run, at + timedelta(microseconds=1), ended=ended) != mark


@given(st.text())
def test_whatever_else_comes_is_no_mark(text: str) -> None:
    mark = Mark.parse(text)
    assert mark is None or str(mark).lstrip("0") in text


def test_an_event_is_two_lines_and_a_blank() -> None:
    mark = Mark(1, 2, ended=False)
    assert sse.event(mark, '{"a":1}') == b'id: 1-2\ndata: {"a":1}\n\n'
    assert sse.HEARTBEAT.startswith(b":")


def test_clients_come_back_at_different_times() -> None:
    assert len({sse.retry() for _ in range(50)}) > 10


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    listener = socket.create_server(("127.0.0.1", 0))
    near = socket.create_connection(listener.getsockname())
    far, _ = listener.accept()
    with listener, near, far:
        yield near, far


def filled(sock: socket.socket) -> None:
    """Send until nothing more fits."""
    sock.setblocking(False)
    try:
        while True:
            sock.send(b"x" * 65536)
    except BlockingIOError:
        sock.setblocking(True)


Pair = tuple[socket.socket, socket.socket]


def test_a_client_that_reads_takes(pair: Pair) -> None:
    assert takes(pair[0], 0)
    assert pair[0].send(b"x") == 1


def test_a_client_that_has_gone_does_not(pair: Pair) -> None:
    near, far = pair
    far.close()
    assert not takes(near, 5)
    with pytest.raises(BrokenPipeError):
        near.send(b"x")


def test_a_client_that_reads_nothing_is_hung_up_on(pair: Pair) -> None:
    near, _ = pair
    filled(near)
    begun = time.monotonic()
    assert not takes(near, 0.2)
    assert time.monotonic() - begun >= 0.2
    with pytest.raises(BrokenPipeError):
        near.send(b"x")


def test_a_slow_client_is_waited_for(pair: Pair) -> None:
    near, far = pair
    filled(near)

    def read() -> None:
        time.sleep(0.2)
        while far.recv(1 << 20):
            pass

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert takes(near, 30)
    finally:
        near.close()
        reader.join()


def test_streams_leave_threads_for_everything_else() -> None:
    known: dict[str, Any] = {
        "gcp_project": "p", "output_bucket": "o", "public_url": "http://x", "signing_account": "a",
    }  # fmt: skip
    Settings(**known, streams=20, long_polls=4, ingest_threads=24 + SPARE_THREADS)
    with pytest.raises(ValidationError, match="INGEST_THREADS must exceed"):
        Settings(**known, streams=20, long_polls=4, ingest_threads=23 + SPARE_THREADS)
