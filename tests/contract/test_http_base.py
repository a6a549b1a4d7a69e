"""The HTTP base of the stand-ins, over real sockets."""

import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from deploy.local.http import FileRange, Request, Response, Server

REPLIES = {
    "/drip": Response(body=[b"a", b"bc"], content_type="text/plain"),
    "/file": Response(body=FileRange(Path(__file__), 3, 16)),
    "/cut": Response(body=b"0123456789", cut=4),
    "/reset": Response(reset=True),
    "/unread": Response.text("no", 403),
}


def answer(request: Request) -> Response:
    if request.path == "/break":
        request.break_after(10)
    elif request.path != "/echo":
        return REPLIES[request.path]
    shown = {"query": request.query, "size": len(request.body), "json": None}
    if request.headers.get("content-type") == "application/json":
        shown["json"] = request.json()
    return Response.json(shown, headers=(("X-Method", request.method),))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Server(answer) as server:
        yield server.url


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def test_the_root_says_ready(url: str, session: requests.Session) -> None:
    assert session.get(url, timeout=5).status_code == 200


def test_a_request_arrives_whole(url: str, session: requests.Session) -> None:
    where = f"{url}/echo?a=%C3%A4&b=&a=2"
    found = session.post(where, json={"x": 1}, timeout=5)
    assert found.json() == {"query": {"a": "2", "b": ""}, "size": 8, "json": {"x": 1}}
    assert found.headers["X-Method"] == "POST"
    chunked = session.put(where, data=iter([b"1" * 70_000, b"2"]), timeout=5)
    assert chunked.json()["size"] == 70_001


def test_bodies_of_every_kind_are_sent(url: str, session: requests.Session) -> None:
    assert session.get(f"{url}/drip", timeout=5).text == "abc"
    assert session.get(f"{url}/file", timeout=5).text == "The HTTP base of"
    head = session.head(f"{url}/file", timeout=5)
    assert (head.headers["Content-Length"], head.content) == ("16", b"")


def test_a_connection_serves_many_requests(url: str) -> None:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    connection.connect()
    first = connection.sock
    for path, status in (("/unread", 403), ("/echo", 200), ("/drip", 200), ("/echo", 200)):
        connection.request("POST", path, body=b"x" * 300_000)
        reply = connection.getresponse()
        reply.read()
        assert reply.status == status
    assert connection.sock is first
    connection.close()


def test_a_cut_reply_ends_early(url: str, session: requests.Session) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="4 bytes read, 6 more"):
        session.get(f"{url}/cut", timeout=5)


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as client:
        yield client


@pytest.mark.parametrize("path", ["/reset", "/break"])
def test_a_reset_is_a_reset(url: str, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    with connected(url) as client:
        client.sendall(head.encode() + b"x" * 100)
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_bug_of_a_stand_in_shows(
    url: str, session: requests.Session, capfd: pytest.CaptureFixture[str]
) -> None:
    assert session.get(f"{url}/else", timeout=5).status_code == 500
    assert "KeyError: '/else'" in capfd.readouterr().err


def test_a_body_that_ends_early_is_never_acted_on(url: str) -> None:
    with connected(url) as client:
        client.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n1")
        client.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_many_requests_at_once(url: str, session: requests.Session) -> None:

    def ask(number: int) -> int:
        return int(json.loads(requests.post(f"{url}/echo", b"x" * number, timeout=10).text)["size"])

    with ThreadPoolExecutor(64) as pool:
        assert list(pool.map(ask, range(200))) == list(range(200))
