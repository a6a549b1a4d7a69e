import base64
import json
import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection as Client
from websockets.sync.client import connect

from tests.support.api import Api, failed
from tests.support.streams import Serving, run, serving, write
from tests.support.tracks import stored_track
from tests.support.waiting import wait_for

KEY = base64.b64encode(os.urandom(16)).decode()
GOOD = {
    "Host": "h",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}


@pytest.fixture(scope="module")
def ingest(public_api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("ingest")
    with serving(public_api, folder, TIME_SCALE="0.05", STREAMS="3") as started:
        yield started
    assert "Traceback" not in started.said()


def client(ingest: Serving, track_id: str) -> AbstractContextManager[Client]:
    return connect(f"ws://127.0.0.1:{ingest.port}/v1/tracks/{track_id}/stream", proxy=None)


def told(ws: Client) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(ws.recv(30))
    return body


def closed(ws: Client) -> int:
    with pytest.raises(ConnectionClosed):
        ws.recv(30)
    return ws.close_code or 0


def raw(ingest: Serving, track_id: str, method: str = "GET", **changes: str) -> socket.socket:
    """A connection on which a handshake was sent, with changed headers (empty: none)."""
    headers = GOOD | {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [f"{name}: {value}" for name, value in headers.items() if value]
    sock = socket.create_connection(("127.0.0.1", ingest.port), 30)
    request = [f"{method} /v1/tracks/{track_id}/stream HTTP/1.1", *lines, "", ""]
    sock.sendall("\r\n".join(request).encode())
    return sock


def status(sock: socket.socket) -> tuple[int, str]:
    """Status and code of the answer."""
    with closing(sock), sock.makefile("rb") as answer:
        number = int(answer.readline().split()[1])
        length = 0
        while line := answer.readline().strip():
            name, _, value = line.decode().partition(": ")
            length = int(value) if name.lower() == "content-length" else length
        return number, json.loads(answer.read(length))["code"] if length else ""


def all_of(sock: socket.socket) -> bytes:
    """Everything until the server closes."""
    with closing(sock):
        return b"".join(iter(lambda: sock.recv(65536), b""))


def test_the_same_states_as_messages(ingest: Serving) -> None:
    api = ingest.api
    track_id = stored_track(api.store)
    with client(ingest, track_id) as ws:
        assert told(ws)["status"] == "queued"
        seen = run(api, track_id)
        assert told(ws)["progress"] == 0.1
        write(api, seen, progress=0.5)
        assert told(ws)["progress"] == 0.5
        api.end(track_id, failed())
        last = told(ws)
        assert last == ingest.get(f"/v1/tracks/{track_id}").json()
        assert last["status"] == "failed"
        assert closed(ws) == 1000


def test_who_comes_late_is_told_the_ending(ingest: Serving) -> None:
    track_id = stored_track(ingest.api.store)
    ingest.api.end(track_id, failed())
    with client(ingest, track_id) as ws:
        assert told(ws)["status"] == "failed"
        assert closed(ws) == 1000


def test_a_client_that_leaves_gives_its_place_back_at_once(ingest: Serving) -> None:
    track_id = stored_track(ingest.api.store)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(client(ingest, track_id))
        assert status(raw(ingest, track_id)) == (503, "too_many_streams")
    for _ in range(3):
        wait_for(lambda: status(raw(ingest, track_id))[0] == 101)


def test_a_client_that_talks_is_shown_the_door(ingest: Serving) -> None:
    with client(ingest, stored_track(ingest.api.store)) as ws:
        told(ws)
        ws.send("hello")
        assert closed(ws) == 1008


def test_a_client_that_answers_no_ping_is_dropped(ingest: Serving) -> None:
    sock = raw(ingest, stored_track(ingest.api.store))
    received = all_of(sock)
    assert b" 101 " in received.splitlines()[0]
    assert b"\x89\x00" in received  # the ping


def test_a_client_that_does_not_say_goodbye_is_not_waited_for(ingest: Serving) -> None:
    track_id = stored_track(ingest.api.store)
    ingest.api.end(track_id, failed())
    assert b"\x03\xe8the track has ended" in all_of(raw(ingest, track_id))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Upgrade": ""}, 426),
        ({"Upgrade": "h2c"}, 426),
        ({"Connection": ""}, 426),
        ({"Connection": "keep-alive"}, 426),
        ({"Connection": "keep-alive, Upgrade"}, 101),
        ({"Upgrade": "WebSocket"}, 101),
        ({"Sec_WebSocket_Version": ""}, 426),
        ({"Sec_WebSocket_Version": "8"}, 426),
        ({"Sec_WebSocket_Key": ""}, 426),
        ({"Sec_WebSocket_Key": "short"}, 426),
        ({"Sec_WebSocket_Key": "é" * 22 + "=="}, 426),
        ({"Sec_WebSocket_Protocol": "chat, superchat"}, 101),
        ({"Sec_WebSocket_Extensions": "permessage-deflate; client_max_window_bits"}, 101),
        ({"Host": "h:8080"}, 101),
        ({"Cookie": "é=1"}, 101),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"method": "POST"}, 405),
    ],
)
def test_handshakes(ingest: Serving, changes: dict[str, str], expected: int) -> None:
    track_id = stored_track(ingest.api.store)
    ingest.api.end(track_id, failed())
    found, code = status(raw(ingest, track_id, **changes))
    assert found == expected
    assert code == {
        101: "", 403: "origin_not_allowed", 405: "method_not_allowed", 426: "upgrade_required",
    }[expected]  # fmt: skip


def test_our_own_pages_may_open_it(ingest: Serving) -> None:
    track_id = stored_track(ingest.api.store)
    ingest.api.end(track_id, failed())
    assert status(raw(ingest, track_id, Origin=ingest.url))[0] == 101


def test_what_is_not_there_is_a_404_in_the_handshake(ingest: Serving) -> None:
    foreign = stored_track(ingest.api.store, fields={"tenant": "other"})
    assert status(raw(ingest, foreign)) == (404, "no_such_track")
