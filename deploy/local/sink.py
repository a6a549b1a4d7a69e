"""``python -m deploy.local.sink``: takes every webhook, writes it down, answers as told."""

import argparse
import base64
import json
import os
import signal
import threading
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deploy.local.drip import DripServer, dripping
from deploy.local.faults import Faults, apply
from deploy.local.http import Handler, Request, Response

LOG: Final = "webhooks.jsonl"


class Script(BaseModel):
    """The answers to the next requests for one path, in their order."""

    model_config = ConfigDict(extra="forbid")

    path: str
    statuses: list[int] = Field(min_length=1)


class Received:
    """What arrived, one JSON line each, on disk before it is answered."""

    def __init__(self, folder: Path) -> None:
        """Append to *folder*/webhooks.jsonl; what is there already stays listed."""
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / LOG
        self._log.touch()

    def add(self, request: Request) -> None:
        """Write *request* down, in one write, so that a reader never sees half a line."""
        line = {
            "time": time.time(),
            "path": request.path,
            "query": request.raw_query,
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": request.body.decode(errors="replace"),
            "body_base64": base64.b64encode(request.body).decode(),
        }
        descriptor = os.open(self._log, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, json.dumps(line).encode() + b"\n")
        finally:
            os.close(descriptor)

    def of(self, path: str | None) -> list[dict[str, Any]]:
        """All that arrived, or that arrived at *path*, in order."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [line for line in lines if path in {None, line["path"]}]


class Scripts:
    """What to answer: each path's script, 204 after its end."""

    def __init__(self) -> None:
        """Begin with no scripts."""
        self._lock = threading.Lock()
        self._statuses: defaultdict[str, deque[int]] = defaultdict(deque)

    def add(self, document: bytes) -> Response:
        """Extend a path's script by ``{"path", "statuses"}``; 400 when it is something else."""
        try:
            script = Script.model_validate_json(document)
        except ValidationError as error:
            return Response.json({"error": str(error)}, 400)
        with self._lock:
            self._statuses[script.path].extend(script.statuses)
        return Response(204)

    def answer(self, request: Request) -> Response:
        """The next answer for this path."""
        with self._lock:
            statuses = self._statuses[request.path]
            return Response(statuses.popleft() if statuses else 204)


def sink(folder: Path) -> Handler:
    """Serve any POST, ``POST /_script``, ``GET /_received?path=`` and ``/_faults``.

    A fault of its own is ``drip``: seconds between the bytes of the reply's head.
    """
    received, scripts = Received(folder), Scripts()
    faults = Faults(folder, fields=("path",), actions=("drip",))

    def handle(request: Request) -> Response:
        control = faults.endpoint(request)
        if control is not None:
            return control
        match request.method, request.path:
            case "POST", "/_script":
                return scripts.add(request.body)
            case "GET", "/_received":
                return Response.json(received.of(request.query.get("path")))
            case "POST", _:
                received.add(request)
                request.fault = faults.take(path=request.path)
                return dripping(apply(request, scripts.answer), request.fault.get("drip", 0))
        return Response.text("webhooks are POSTed", 405)

    return handle


def main(argv: Sequence[str] | None = None) -> None:
    """Run the sink until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.sink", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help=f"folder of {LOG}")
    options = parser.parse_args(argv)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with DripServer(sink(options.data), options.port):
        stop.wait()


if __name__ == "__main__":
    main()
