"""An HTTP service that records what is POSTed to it and answers as told."""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from deploy.local.http import Request, Response, Server


@dataclass(frozen=True)
class Delivery:
    """One recorded request; ``about`` is the track in its message ("" for a sweep)."""

    at: float
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    about: str

    @property
    def token(self) -> str:
        """The bearer token."""
        return self.headers["authorization"].removeprefix("Bearer ")


class Target:
    """A service; use it as a context manager. Answers 204 unless told otherwise."""

    def __init__(self, port: int = 0) -> None:
        self._server = Server(self._handle, port)
        self.url = self._server.url
        self._lock = threading.Lock()
        self._all: list[Delivery] = []
        self._answers: defaultdict[str, list[int]] = defaultdict(list)
        self._hooks: dict[str, Callable[[], object]] = {}

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.__exit__(*exc)

    def answer(self, key: str, *statuses: int) -> None:
        """Statuses of the next deliveries about (or, for a sweep, to the path) *key*."""
        self._answers[key].extend(statuses)

    def before_answer(self, key: str, hook: Callable[[], object]) -> None:
        """Call *hook* before each answer to *key*; it may block."""
        self._hooks[key] = hook

    def got(self, key: str) -> list[Delivery]:
        """Deliveries about *key*, or to the path *key*."""
        with self._lock:
            return [one for one in self._all if key in {one.about, one.path}]

    def _handle(self, request: Request) -> Response:
        body = json.loads(request.body or b"{}")
        about = body.get("message", {}).get("attributes", {}).get("ce-subject", "")
        headers = {name.lower(): value for name, value in request.headers.items()}
        key = about or request.path
        with self._lock:
            self._all.append(Delivery(time.monotonic(), request.path, headers, body, about))
            status = self._answers[key].pop(0) if self._answers[key] else 204
        self._hooks.get(key, lambda: None)()
        return Response(status)
