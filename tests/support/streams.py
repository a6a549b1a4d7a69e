"""Ingest under gunicorn, and clients that follow its streams as browsers do."""

import http.client
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import requests

from deploy.local.keys import SIGNER_ACCOUNT
from deploy.local.process import Process, free_port
from shared.ports import Snapshot, Update
from shared.track import TRACKS, Stage, Status, Track
from tests.support.api import MAIN_KEY, SECRET, Api
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
SECONDS = 60
"""Far more than anything here takes: a loaded machine is no failure."""


class Serving:
    """One instance of ingest in the project of *api*; it keeps its port when started again."""

    def __init__(self, api: Api, folder: Path, **env: str) -> None:
        self.api = api
        self._log = folder / "ingest.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._env = {
            "BIND": "127.0.0.1",
            "PORT": str(self.port),
            "PUBLIC_URL": self.url,
            "GCP_PROJECT": api.project,
            "OUTPUT_BUCKET": api.output,
            "SIGNING_ACCOUNT": SIGNER_ACCOUNT,
            "IAM_ENDPOINT": api.storage_url,
            "STORAGE_EMULATOR_HOST": api.storage_url,
            "WEBHOOK_SECRET": SECRET,
            "WEBHOOK_MAIN_KEYS": MAIN_KEY,
            "API_AUTH": "off",
            "PYTHONPATH": str(ROOT),
            **env,
        }
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "deploy/gunicorn.conf.py")]
        app = "services.ingest.app:create_app()"
        self.process = Process("ingest", [*command, app], self._log, os.environ | self._env)
        self.process.wait_ready(self.port, path="/startup")

    def terminate(self) -> None:
        """SIGTERM to the master alone, as Cloud Run does it."""
        os.kill(self.process.pid, signal.SIGTERM)

    def ended(self) -> int:
        """The exit code, once it has ended by itself."""
        wait_for(lambda: not self.process.alive, SECONDS)
        return self.process.stop()

    def said(self) -> str:
        """What it has logged."""
        return self._log.read_text(errors="replace")

    def follow(self, track_id: str, last: str = "", **headers: str) -> "Follower":
        return Follower(self.port, track_id, {"Last-Event-ID": last} if last else headers)

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=SECONDS)

    def close(self) -> None:
        self.process.stop()


@contextmanager
def serving(api: Api, folder: Path, **env: str) -> Iterator[Serving]:
    with closing(Serving(api, folder, **env)) as started:
        yield started


@dataclass(frozen=True)
class Told:
    """One event."""

    id: str
    body: dict[str, Any]
    at: float
    """``time.monotonic`` of its arrival."""


class Follower:
    """One SSE client, which reads in a thread until the server closes, or ``leave``."""

    def __init__(self, port: int, track_id: str, headers: dict[str, str]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        self._connection.request("GET", f"/v1/tracks/{track_id}/events", headers=headers)
        self._sock = self._connection.sock
        self.response = self._connection.getresponse()
        self.status = self.response.status
        self.told: list[Told] = []
        self.comments = 0
        self.retries: list[int] = []
        self.broken = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether the server has closed."""
        return not self._thread.is_alive()

    def finished(self, seconds: float = SECONDS) -> "Follower":
        self._thread.join(seconds)
        assert self.over
        return self

    def until(self, count: int) -> "Follower":
        """Wait for so many events."""
        wait_for(lambda: len(self.told) >= count, SECONDS)
        return self

    def problem(self) -> dict[str, Any]:
        self.finished()
        body: dict[str, Any] = json.loads(self.rest)
        return body

    def leave(self) -> None:
        self._sock.shutdown(socket.SHUT_RDWR)
        self.finished()

    def _read(self) -> None:
        try:
            if self.response.headers.get_content_type() == "text/event-stream":
                self._events()
                self.broken = self.response.chunk_left is not None  # no last chunk came
            else:
                self.rest = self.response.read()
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            self.broken = True
        finally:
            self.response.close()
            self._connection.close()

    def _events(self) -> None:
        event_id = ""
        while line := self.response.readline().decode():
            name, _, value = line.rstrip("\n").partition(":")
            value = value.removeprefix(" ")
            if name == "id":
                event_id = value
            elif name == "data":
                self.told.append(Told(event_id, json.loads(value), time.monotonic()))
            elif name == "retry":
                self.retries.append(int(value))
            elif not name and value:
                self.comments += 1


def write(api: Api, seen: Snapshot[Track], **fields: Any) -> Snapshot[Track]:
    """Write to a track as its worker would, without a read before; the newest snapshot."""
    assert seen.value
    assert seen.version
    changed = replace(seen.value, **fields)
    version = api.store.commit(Update(TRACKS, seen.id, changed, seen.version))
    return replace(seen, value=changed, version=version)


def run(api: Api, request_id: str, progress: float = 0.1) -> Snapshot[Track]:
    """The track as a worker has it."""
    running = {"status": Status.RUNNING, "stage": Stage.GENERATING, "progress": progress}
    return write(api, api.document(request_id), **running)
