"""Bodies that nobody sends by mistake: refused soon by the real server, and nothing is left."""

import gzip
import http.client
import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import GOOD, Api
from tests.support.family import family
from tests.support.streams import Serving, serving

PATIENCE = 20.0
"""Seconds; on a machine with nothing else to do each of these takes a tenth of one."""
MOST_GROWTH = 50 * 2**20
AT_ONCE = 8
JSON = {"Content-Type": "application/json"}
MEGABYTE = 2**20


def good(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


def raw(field: str, value: str) -> bytes:
    """A good body with one more member, as it stands."""
    return good()[:-1] + f', "{field}": {value}}}'.encode()


def prompt(text: str) -> bytes:
    return good(prompt=text)


BODIES: dict[str, bytes] = {
    **{f"{size} bytes": b"x" * size for size in (1, 1000, 32 * 1024)},
    **{f"{size >> 20} MB": b"x" * size for size in (MEGABYTE, 10 * MEGABYTE)},
    "10 MB of JSON": good().ljust(10 * MEGABYTE),
    "a byte": b"\xff",
    "nothing but blanks": b" " * 32_000,
    "10 000 deep arrays": b"[" * 10_000 + b"]" * 10_000,
    "10 000 deep objects": b'{"a":' * 6_500,
    "deep inside": raw("metadata", "[" * 10_000 + "]" * 10_000),
    "NUL": prompt("warm\0strings"),
    "bytes of NUL": b"\0" * 1000,
    "NUL in a name": raw("\\u0000", "1"),
    "bidirectional": prompt("warm \u202estrings\u202c"),
    "isolates": prompt("warm \u2066strings\u2069"),
    "controls": prompt("warm \x1b[31m\x07strings\r\nX: y"),
    "a prompt of a megabyte": prompt("x" * MEGABYTE),
    "a prompt of 30 000": prompt("x" * 30_000),
    "combining": prompt("a" + "\u0301" * 15_000),
    "a lone surrogate": raw("seed", '"\\ud800"'),
    "a prompt of lone surrogates": prompt("\ud800" * 20),
    "a lone surrogate as a name": raw("\\ud800", "1"),
    "twice": raw("prompt", '"cold strings"'),
    "many times": b"{" + b'"prompt": "warm strings",' * 1000 + b'"a": 1}',
    "1e999": raw("duration_seconds", "1e999"),
    "-1e999": raw("loudness_lufs", "-1e999"),
    "a huge whole number": raw("seed", "9" * 4000),
    "a whole number beyond all limits": raw("seed", "9" * 30_000),
    "a long fraction": raw("duration_seconds", "1." + "0" * 30_000 + "e999999999"),
    "NaN": raw("duration_seconds", "NaN"),
    "10 000 metadata keys": good(metadata={f"{n}": "" for n in range(10_000)}),
    "2 000 metadata keys": good(metadata={f"{n}": "" for n in range(2_000)}),
    "3 000 fields": json.dumps({f"f{n}": n for n in range(3_000)}).encode(),
    "colliding names": json.dumps({f"{n * 2**61}": 0 for n in range(1000)}).encode(),
    "not UTF-8": b'{"prompt": "warm \xc3strings"}',
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "UTF-7": b"+AHs-",
    "overlong UTF-8": b'{"prompt": "warm \xc0\x80 strings"}',
    "YAML": b"prompt: &a [*a]",
    "XML": b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>',
    "a form": b"prompt=warm+strings",
}


class Door:
    """One connection to ingest that is used again and again."""

    def __init__(self, server: Serving) -> None:
        self._address = ("127.0.0.1", server.port)
        self._connection = http.client.HTTPConnection(*self._address, timeout=PATIENCE * 3)
        self._connection.connect()
        self._sock = self._connection.sock

    def post(
        self, body: Any, headers: dict[str, str] = JSON, *, chunked: bool = False
    ) -> tuple[int, dict[str, Any]]:
        self._connection.request("POST", "/v1/tracks", body, headers, encode_chunked=chunked)
        return self.answer()

    def answer(self) -> tuple[int, dict[str, Any]]:
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())

    @property
    def same(self) -> bool:
        """Whether it was never opened anew."""
        return self._connection.sock is self._sock

    def send(self, text: bytes, *, ends: bool = False) -> bytes:
        """What comes back for these bytes, on a connection of their own."""
        with socket.create_connection(self._address, PATIENCE) as connection:
            connection.sendall(text)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            return connection.recv(65_536)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="module")
def server(public_api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(public_api, tmp_path_factory.mktemp("hostile")) as started:
        yield started


@pytest.fixture
def door(server: Serving) -> Iterator[Door]:
    opened = Door(server)
    yield opened
    opened.close()


@pytest.fixture
def before(public_api: Api) -> int:
    """How many tracks there are before the test."""
    return public_api.documents()


def peak(server: Serving) -> int:
    """Bytes that the workers have held at most, so far."""
    texts = [Path(f"/proc/{one.pid}/status").read_text() for one in family(server.process.pid)]
    found = [re.search(r"VmHWM:\s+(\d+) kB", text) for text in texts]
    assert found
    return sum(int(one[1]) for one in found if one) * 1024


def refused_soon(door: Door, body: Any, *, chunked: bool = False) -> None:
    """A 4xx with its cure, on a connection that goes on."""
    began = time.monotonic()
    status, told = door.post(body, chunked=chunked)
    took = time.monotonic() - began
    assert status in (400, 413), told
    assert (told["status"], bool(told["cure"])) == (status, True)
    assert took < PATIENCE
    assert len(json.dumps(told)) < 20_000, "no long answer to a long body"


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_hostile_body_is_refused(public_api: Api, door: Door, before: int, body: bytes) -> None:
    refused_soon(door, body)
    refused_soon(door, (body[at : at + 65_536] for at in range(0, len(body), 65_536)), chunked=True)
    assert door.same
    status, _ = door.post(good())
    assert status == 202, "the connection still serves"
    assert len(public_api.published()) == 1
    assert public_api.documents() == before + 1


def test_all_of_them_at_once_take_little_memory(server: Serving) -> None:
    def everything(_: int) -> None:
        with closing(Door(server)) as door:
            for body in BODIES.values():
                refused_soon(door, body)

    everything(0)  # what the first of each kind loads is no growth
    before = peak(server)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(everything, range(AT_ONCE)))
    assert peak(server) - before < MOST_GROWTH


def test_a_body_that_breaks_off_is_no_submit(public_api: Api, door: Door, before: int) -> None:
    head = b"POST /v1/tracks HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
    body = good()
    for text in (
        head + b"Content-Length: %d\r\n\r\n" % (len(body) + 5) + body,
        head + b"Content-Length: %d\r\n\r\n" % 10**7 + body,
        head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % (len(body) + 5) + body,
        head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\nno size\r\n",
    ):
        status = int(door.send(text, ends=True).split()[1])
        assert status in (400, 413)
    assert public_api.untouched_since(before)


def test_lengths_that_lie_smuggle_nothing(public_api: Api, door: Door, before: int) -> None:
    """Two lengths, or a body that is longer than it says: what follows is no request of ours."""
    head = b"POST /v1/tracks HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
    body = good()
    lengths = (
        b"Content-Length: 1\r\nContent-Length: %d\r\n" % len(body),
        b"Content-Length: -1\r\n",
        b"Content-Length: +1\r\n",
        b"Content-Length: 0x10\r\n",
        b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % len(body),
        b"Transfer-Encoding: chunked, identity\r\n",
    )
    for length in lengths:
        assert int(door.send(head + length + b"\r\n" + body).split()[1]) in (400, 501), length
    shorter = head + b"Content-Length: %d\r\n\r\n" % (len(body) - 5) + body
    assert int(door.send(shorter).split()[1]) == 400
    assert public_api.untouched_since(before)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, gzip", "x", "identity, gzip"])
def test_a_compressed_body_is_refused_unread(
    public_api: Api, door: Door, before: int, coding: str
) -> None:
    bomb = gzip.compress(b" " * 20 * MEGABYTE)
    assert len(bomb) < 32_768
    for body in (gzip.compress(good()), bomb, good()):
        status, told = door.post(body, JSON | {"Content-Encoding": coding})
        assert (status, told["field"]) == (415, "Content-Encoding")
    assert door.same
    assert public_api.untouched_since(before)


def test_a_body_that_drips_holds_up_nobody(door: Door, server: Serving) -> None:
    """Some open many requests and finish none of them."""
    head = b"POST /v1/tracks HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n{"
    slow = [socket.create_connection(("127.0.0.1", server.port), PATIENCE) for _ in range(20)]
    try:
        for connection in slow:
            connection.sendall(head)
        assert door.post(b"{}")[0] == 400
    finally:
        for connection in slow:
            connection.close()
