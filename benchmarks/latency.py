"""How soon a webhook comes after a submit: Motif's whole way, and cog's, to the same receiver.

Not the same work: Motif stores the request, masters, measures and stores 30 s of audio (of a model
that answers at once), and its webhook links to it. cog 0.23.1 runs one Python function in memory;
what it returns travels inside the webhook.
"""

import json
import os
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import requests

from deploy.local.http import Request, Response, Server
from deploy.local.process import Process, free_port

JOBS: Final = 20
COG: Final = "COG_PYTHON"
_WAV_BYTES: Final = 6_291_544
"""32.768 s, 48 kHz, stereo, 16 bit."""
_QUOTED: Final = {"tiny": (11.8, 24.6), "wav": (144.0, 256.0)}
_NAMES: Final = {"tiny": "cog, a few bytes", "wav": "cog, 6.3 MB of WAV in it"}
_PREDICTOR: Final = f"""
from pathlib import Path as File
from cog import BasePredictor, Path

class Predictor(BasePredictor):
    def predict(self, kind: str, out: str) -> Path:
        if kind == "tiny":
            return kind
        File(out).write_bytes(bytes({_WAV_BYTES}))
        return Path(out)
"""


@dataclass(frozen=True)
class Soon:
    """Milliseconds, of ``JOBS`` jobs one after the other."""

    p50: float
    p99: float
    note: str = ""


class Receiver:
    """Takes webhooks and remembers when they came."""

    def __init__(self) -> None:
        """Serve ``server`` in a ``with`` block."""
        self.server = Server(self._answer)
        self._came: dict[str, tuple[float, bytes]] = {}
        self._change = threading.Condition()

    def url(self) -> str:
        """An address that nobody has used."""
        return f"{self.server.url}/{uuid.uuid4().hex}"

    def wait(self, url: str) -> tuple[float, bytes]:
        """Unix time and body of the first POST to *url*."""
        path = url.removeprefix(self.server.url)
        with self._change:
            if not self._change.wait_for(lambda: path in self._came, 60):
                raise RuntimeError("no webhook within a minute")
            return self._came.pop(path)

    def _answer(self, request: Request) -> Response:
        body, now = request.body, time.time()
        with self._change:
            self._came.setdefault(request.path, (now, body))
            self._change.notify_all()
        return Response(204)


def measured(info: Mapping[str, Any], folder: Path) -> dict[str, Soon]:
    """Both sides; cog as it was measured before when its environment is not named."""
    receiver = Receiver()
    with receiver.server, requests.Session() as http:
        found = _motif(info["api"], http, receiver)
        if not os.environ.get(COG):
            note = f"(measured before, elsewhere: {COG} is not set)"
            return found | {_NAMES[kind]: Soon(*both, note) for kind, both in _QUOTED.items()}
        with _cog(os.environ[COG], folder / "cog") as url:
            for kind, name in _NAMES.items():
                found[name] = _timed(_cog_job(url, http, receiver, kind, folder / "out.wav"))
    return found


def _motif(api: str, http: requests.Session, receiver: Receiver) -> dict[str, Soon]:
    since_ending = []

    def job() -> float:
        url, began = receiver.url(), time.time()
        body = {"prompt": "a benchmark with strings", "duration_seconds": 30, "callback_url": url}
        http.post(f"{api}/v1/tracks", json=body, timeout=30).raise_for_status()
        came, hook = receiver.wait(url)
        ended = datetime.fromisoformat(json.loads(hook)["timestamp"]).timestamp()
        since_ending.append(1e3 * (came - ended))
        return 1e3 * (came - began)

    whole = _timed(job)
    return {
        "Motif, 30 s of finished sound": whole,
        "  of it, from the track's ending": _soon(since_ending[1:]),
    }


def _cog_job(
    url: str, http: requests.Session, receiver: Receiver, kind: str, out: Path
) -> Callable[[], float]:
    def job() -> float:
        hook, began = receiver.url(), time.time()
        body = {
            "input": {"kind": kind, "out": str(out)},
            "webhook": hook,
            "webhook_events_filter": ["completed"],
        }
        headers = {"Prefer": "respond-async"}
        target = f"{url}/predictions/{uuid.uuid4().hex}"
        # Its one slot may not be free yet, although its last webhook has come.
        while http.put(target, json=body, headers=headers, timeout=30).status_code == 409:
            continue
        came, said = receiver.wait(hook)
        if json.loads(said)["status"] != "succeeded":
            raise RuntimeError(said[:500])
        return 1e3 * (came - began)

    return job


def _timed(job: Callable[[], float]) -> Soon:
    job()  # everything is imported and connected
    return _soon([job() for _ in range(JOBS)])


def _soon(milliseconds: list[float]) -> Soon:
    return Soon(statistics.median(milliseconds), sorted(milliseconds)[int(0.99 * JOBS)])


@contextmanager
def _cog(python: str, folder: Path) -> Iterator[str]:
    """The server of cog, with a predictor that does nothing; the value is its URL."""
    folder.mkdir()
    (folder / "predict.py").write_text(_PREDICTOR)
    port, environment = free_port(), Path(python).absolute().parent
    env = os.environ | {
        "VIRTUAL_ENV": str(environment.parent),  # it starts the python that it finds there
        "PATH": f"{environment}:{os.environ['PATH']}",
        "PORT": str(port),
        "COG_PREDICT_TYPE_STUB": f"{folder}/predict.py:Predictor",
    }
    server = Process("cog", [python, "-m", "cog.server.http"], folder / "log", env)
    try:
        server.wait_ready(port, path="/health-check")
        url = f"http://127.0.0.1:{port}"
        while requests.get(f"{url}/health-check", timeout=10).json()["status"] != "READY":
            time.sleep(0.1)
        yield url
    finally:
        server.stop()
