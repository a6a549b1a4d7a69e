import http.client
import json
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 20


class Gunicorn:
    """The tiny app under gunicorn with our settings; ``lines`` is what it logged so far."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py"),
                *options,
                "tests.support.tiny_app:create_app()",
            ],
            cwd=ROOT,
            env=os.environ | {"BIND": "127.0.0.1", "PORT": "0", "THREADS": "4"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[dict[str, Any]] = []
        self._arriving: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.address = self._listening()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._arriving.put(line)

    def logged(self, text: str) -> dict[str, Any]:
        """The next line whose message holds *text*; every line on the way must be JSON."""
        while True:
            line: dict[str, Any] = json.loads(self._arriving.get(timeout=SECONDS))
            assert {"severity", "message", "time", "logger"} <= line.keys()
            self.lines.append(line)
            if text in line["message"]:
                return line

    def _listening(self) -> tuple[str, int]:
        message = self.logged("Listening at")["message"]
        self.logged("Booting worker")
        url = urlsplit(message.split()[2])
        return str(url.hostname), int(url.port or 0)

    def get(self, path: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(*self.address, timeout=SECONDS)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def send(self, request: bytes) -> int:
        """The status of the answer to these bytes."""
        with socket.create_connection(self.address, SECONDS) as connection:
            connection.sendall(request)
            return int(connection.makefile("rb").readline().split()[1])

    def drip(self, head: bytes, piece: bytes) -> bytes:
        """All that comes back for a *piece* every now and then, until the connection closes."""
        with socket.create_connection(self.address, SECONDS) as connection:
            connection.sendall(head)
            while not select.select([connection], [], [], 0.1)[0]:
                connection.sendall(piece)
            with connection.makefile("rb") as answer:
                return answer.read()

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        """The exit code; what is left on standard output must be JSON, standard error empty."""
        code = self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        while not self._arriving.empty():
            self.lines.append(json.loads(self._arriving.get()))
        assert self.process.stderr
        assert self.process.stderr.read() == ""
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream
            stream.close()


@pytest.fixture
def gunicorn(request: pytest.FixtureRequest) -> Iterator[Gunicorn]:
    server = Gunicorn(*getattr(request, "param", ()))
    yield server
    server.close()


HEAD = b"POST /read HTTP/1.1\r\nHost: h\r\n"
BROKEN = {
    b"GET /live HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 9000 + b"\r\n\r\n": 431,
    b"GET /live HTTP/1.1\r\nHost: h\r\nHost: g\r\n\r\n": 400,
    b"GET /live HTTP/1.1\nHost: h\n\n": 400,
    b"GET /li\xc3\xb6ve?sig=secret HTTP/1.1\r\nHost: h\r\n\r\n": 400,
    b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: h\r\n\r\n": 414,
    HEAD + b"Transfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\n": 400,
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nno size\r\n\r\n": 400,
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n": 413,
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n": 200,
    HEAD + b"Content-Length: 11\r\n\r\nhello world": 413,
    HEAD + b"Content-Length: 5\r\n\r\nhello": 200,
}


FORM = b"Host: h\r\nContent-Type: multipart/form-data; boundary=x\r\n"
PART = (
    b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nhello\r\n--x--\r\n'
)


@pytest.mark.parametrize(
    ("framed", "piece"),
    [(b"Content-Length: 1000000", b"-"), (b"Transfer-Encoding: chunked", b"1\r\n-\r\n")],
    ids=["length", "chunked"],
)
def test_a_body_that_drips_ends(gunicorn: Gunicorn, framed: bytes, piece: bytes) -> None:
    head = b"POST /image?seconds=1 HTTP/1.1\r\n" + FORM + framed + b"\r\n\r\n"
    answer = gunicorn.drip(head, piece)
    assert answer.startswith(b"HTTP/1.1 408 ")
    problem = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (problem["code"], problem["field"]) == ("image_too_slow", "image")
    assert "1 seconds" in problem["detail"]
    whole = b"POST /image?seconds=60 HTTP/1.1\r\n" + FORM
    assert gunicorn.send(whole + b"Content-Length: %d\r\n\r\n" % len(PART) + PART) == 200


def test_a_life(gunicorn: Gunicorn) -> None:
    assert gunicorn.get("/live") == (200, {})
    assert {request: gunicorn.send(request) for request in BROKEN} == BROKEN
    assert gunicorn.get("/bug")[0] == 500
    assert gunicorn.logged("unexpected failure")["stack_trace"].endswith("RuntimeError: a\nbug")

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(gunicorn.get, "/wait")
        gunicorn.logged("waiting")
        gunicorn.terminate()

        assert waiting.result(SECONDS) == (200, {"stopping": True})

    assert gunicorn.ended() == 0
    messages = [line["message"] for line in gunicorn.lines]
    assert messages.count("flushed") == 1
    assert any("Invalid request from ip" in message for message in messages)
    assert not any("secret" in message for message in messages)
    assert {line["severity"] for line in gunicorn.lines} == {"INFO", "WARNING", "ERROR"}


@pytest.mark.parametrize("gunicorn", [("--graceful-timeout", "3")], indirect=True)
def test_flush_runs_also_when_requests_are_cut_off(gunicorn: Gunicorn) -> None:
    with ThreadPoolExecutor(1) as pool:
        cut = pool.submit(gunicorn.get, "/sleep")
        gunicorn.logged("sleeping")
        gunicorn.terminate()

        gunicorn.logged("flushed")
        with pytest.raises(http.client.HTTPException):
            cut.result(SECONDS)


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"INGEST_THREADS": "many"}, "the process ends with a failure"),
        ({"GCP_PROJECT": ""}, "validation error"),
    ],
)
def test_what_does_not_start_says_so_in_json_too(env: dict[str, str], told: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py"),
            "services.ingest.app:create_app()",
        ],
        cwd=ROOT,
        env=os.environ | {"BIND": "127.0.0.1", "PORT": "0"} | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode
    assert done.stderr == ""
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    failed = [line for line in lines if line["severity"] in {"ERROR", "CRITICAL"}]
    assert any(told in line["message"] for line in failed)
    assert any("stack_trace" in line for line in failed)
