import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from motif.arrivals import Arrivals
from tests.support.signed import BODY, OTHER, SECRET, signed

CLIENT = Path(__file__).parents[3] / "client"


class Listener:
    """``motif listen`` as a process, and what it prints."""

    def __init__(self, *arguments: str) -> None:
        env = {name: value for name, value in os.environ.items() if name != "MOTIF_WEBHOOK_SECRET"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "motif", "listen", "--port", "0", *arguments],
            env=env | {"PYTHONPATH": str(CLIENT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,  # else what one reads ahead is hidden from the next
        )
        assert self.process.stderr
        greeting = self.process.stderr.readline().decode()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", greeting)
        assert found, greeting
        self.port = int(found[1])

    def post(
        self, headers: Mapping[str, str], body: bytes = BODY, path: str = "/hook?token=x"
    ) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("POST", path, body, dict(headers))
        status = connection.getresponse().status
        connection.close()
        return status

    def raw(self, data: bytes) -> bytes:
        """Send *data* and nothing more; what came back."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65_536), b""))

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().decode()

    def end(self, number: signal.Signals = signal.SIGINT) -> str:
        """Ctrl-C; the rest of stderr."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=10)
        assert (self.process.returncode, out) == (0, b"")
        return err.decode()


@contextmanager
def listening(*arguments: str) -> Iterator[Listener]:
    listener = Listener(*arguments)
    try:
        yield listener
    finally:
        listener.process.kill()
        listener.process.communicate()


def test_events_are_shown_verified_and_counted() -> None:
    with listening("--secret", SECRET) as listener:
        assert listener.post(signed()) == 204
        assert re.fullmatch(
            r"\d\d:\d\d:\d\d  verified  track\.completed  r1  msg_1\n", listener.line()
        )
        assert listener.post(signed()) == 204
        assert listener.line().endswith("  msg_1  (repeat)\n")
        assert listener.post(signed(OTHER, webhook_id="msg_2")) == 400
        assert "REFUSED (no signature matches" in listener.line()
        assert listener.post({}) == 400
        assert "REFUSED (webhook-id is missing)" in listener.line()
        assert "4 events, 1 repeat, 2 refused" in listener.end()


def test_without_a_secret_it_says_that_nothing_is_verified() -> None:
    with listening() as listener:
        assert listener.post(signed(OTHER)) == 204
        assert "unverified" in listener.line()
        said = listener.end(signal.SIGTERM)
    assert "nothing is verified" in said
    assert "1 event, 0 repeats, 0 refused" in said


def test_a_line_of_json_has_everything() -> None:
    with listening("--secret", SECRET, "--json", "--status", "500") as listener:
        assert listener.post(signed()) == 500
        arrival = json.loads(listener.line())
        assert listener.post(signed(), b"junk") == 500
        refused = json.loads(listener.line())
    assert arrival.pop("time")
    assert arrival == {
        "path": "/hook",
        "webhook_id": "msg_1",
        "verified": True,
        "why": "",
        "repeat": False,
        "payload": json.loads(BODY),
    }
    assert (refused["verified"], refused["repeat"], refused["payload"]) == (False, False, None)


def test_what_is_refused_makes_no_repeat() -> None:
    with listening("--secret", SECRET) as listener:
        assert listener.post(signed(OTHER)) == 400
        assert listener.post(signed()) == 204
        assert "REFUSED" in listener.line()
        assert "repeat" not in listener.line()


POST = b"POST / HTTP/1.1\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"POST\r\n\r\n", b"400"),
        (POST + b"\r\n", b"411"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
        (POST + b"Content-Length: -1\r\n\r\n", b"411"),
        (POST + b"Content-Length: 1e3\r\n\r\n", b"411"),
        (POST + b"Content-Length: 1000001\r\n\r\n" + b"x" * 1_000_001, b"413"),
        (POST + b"Content-Length: " + b"9" * 17 + b"\r\n\r\nx", b"413"),
        (POST + b"a: " + b"x" * 70_000 + b"\r\n\r\n", b"431"),
        (b"PUT / HTTP/1.1\r\n\r\n", b"501"),
        (POST + b"Content-Length: 10\r\n\r\nhalf", b""),
    ],
    ids=["tls", "words", "none", "chunked", "minus", "1e3", "large", "huge", "long", "put", "half"],
)
def test_garbage_ends_nothing_and_shows_nothing(data: bytes, status: bytes) -> None:
    with listening("--secret", SECRET) as listener:
        answer = listener.raw(data)
        assert status in answer.partition(b"\n")[0]
        assert bool(answer) == bool(status)
        assert listener.post(signed()) == 204
        assert "verified  track.completed" in listener.line()
        assert "Traceback" not in listener.end()


def test_what_came_cannot_steer_the_terminal() -> None:
    body = json.dumps({"type": "\x1b[2J\u202e" + "x" * 500, "data": {"status": "a\nb"}}).encode()
    with listening() as listener:
        assert listener.post({"webhook-id": "\x9b31m\xff"}, body) == 204
        line = listener.line()
        assert "Traceback" not in listener.end()
    assert "?[2J?xxx" in line
    assert line[:-1].isprintable()
    assert len(line) < 300


def test_many_at_once_are_one_line_each() -> None:
    with listening("--secret", SECRET, "--json") as listener:

        def post(number: int) -> int:
            return listener.post(signed(webhook_id=f"msg_{number % 50}"))

        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(post, range(100))) == {204}
        lines: list[dict[str, Any]] = [json.loads(listener.line()) for _ in range(100)]
        assert sum(line["repeat"] for line in lines) == 50
        assert "100 events, 50 repeats, 0 refused" in listener.end()


def test_it_ends_with_its_reader() -> None:
    with listening("--secret", SECRET) as listener:
        assert listener.process.stdout
        listener.process.stdout.close()
        assert listener.post(signed()) == 204
        assert listener.process.wait(10) == 0


def test_a_port_that_is_taken_is_said_with_its_cure() -> None:
    with listening() as listener:
        port = str(listener.port)
        for arguments in (["--port", port], ["--port", "99999"]):
            second = subprocess.run(
                [sys.executable, "-m", "motif", "listen", *arguments],
                env={"PYTHONPATH": str(CLIENT)},
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            assert second.returncode == 1
            assert "choose another --port" in second.stderr
            assert "Traceback" not in second.stderr


def test_ids_are_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("motif.arrivals._MOST_IDS", 2)
    arrivals, repeats = Arrivals(None), []
    for webhook_id in ("a", "a", "b", "c", "a"):
        headers = Message()
        headers["webhook-id"] = webhook_id
        repeats.append(arrivals.look("/", headers, BODY).repeat)
    assert repeats == [False, True, False, False, False]
