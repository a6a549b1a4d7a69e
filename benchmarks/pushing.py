"""Pushes to a notifier of a local stack, as Eventarc sends them, and what it spends on them."""

import http.client
import json
import os
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from deploy.local.keys import PUSH_ACCOUNT
from deploy.local.relay.message import Message, body, eventarc_headers
from deploy.local.stack import Stack
from shared.gcp.firestore import FirestoreStore
from shared.timing import Timing
from shared.webhooks import DELIVERIES, State, webhook_id
from tests.support.ended import ended_track

_NEVER: Final = Timing().scaled(100)
"""The generator's sweep leaves these tracks alone."""
_STAMP: Final = "2026-01-02T03:04:05.678Z"
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Push:
    """One announced ending, ready to be pushed."""

    webhook_id: str
    path: str
    """Of its receiver, at the sink."""
    body: bytes


class Pushing:
    """A stack whose notifier is pushed to directly."""

    def __init__(self, stack: Stack) -> None:
        """*stack*: its ``*_EMULATOR_HOST`` variables are set."""
        self.info = stack.info
        self.notifier = stack.pid("notifier")
        self._store = FirestoreStore(stack.info["project"])
        self._http = requests.Session()
        asked = {"email": PUSH_ACCOUNT, "audience": stack.info["notifier"]}
        answer = self._http.post(f"{stack.info['relay']}/token", json=asked, timeout=10)
        topic = f"projects/{stack.info['project']}/topics/{stack.info['topics']['events']}"
        message = Message("1", _STAMP, b"", {})
        self._headers = eventarc_headers(message, topic) | {
            "Authorization": f"Bearer {answer.json()['token']}"
        }
        self._local = threading.local()

    def close(self) -> None:
        """Close the clients."""
        self._store.close()
        self._http.close()

    def prepare(self, paths: Iterable[str]) -> list[Push]:
        """A track for each path, which has just ended."""
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(self._prepared, paths))

    def _prepared(self, path: str) -> Push:
        said = ended_track(self._store, self.info["webhook_sink"] + path, _NEVER)
        message = Message(uuid.uuid4().hex, _STAMP, said.data, said.attributes)
        return Push(webhook_id(said.event_id), path, body(message, "subscriptions/s", 1))

    def push(self, one: Push) -> None:
        """Return when it is taken; each thread keeps its connection."""
        connection = self._connection()
        for last in (False, True):
            try:
                connection.request("POST", "/events/tracks", one.body, self._headers)
                answer = connection.getresponse()
                answer.read()
            except (http.client.HTTPException, ConnectionError):
                connection.close()  # it was idle for too long: once more
                if last:
                    raise
                continue
            if answer.status != http.HTTPStatus.NO_CONTENT:
                raise RuntimeError(f"the notifier answered {answer.status}")
            return

    def burst(self, pushes: Sequence[Push], at_once: int) -> float:
        """Push them all, *at_once* in flight; return the seconds that it took."""
        began = time.perf_counter()
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(self.push, pushes))
        return time.perf_counter() - began

    def paced(self, pushes: Sequence[Push], per_second: float, at_once: int) -> dict[str, float]:
        """Push them at an even pace, whatever is in flight; webhook id -> Unix time of its turn."""
        turns = {one.webhook_id: number / per_second for number, one in enumerate(pushes)}
        began = time.time()
        with ThreadPoolExecutor(at_once) as pool:
            for one in pushes:
                time.sleep(max(0.0, began + turns[one.webhook_id] - time.time()))
                pool.submit(self.push, one)
        return {webhook: began + turn for webhook, turn in turns.items()}

    def received(self) -> dict[str, list[dict[str, Any]]]:
        """What is at the sink, by webhook id."""
        found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        answer = self._http.get(f"{self.info['webhook_sink']}/_received", timeout=60)
        for line in answer.json():
            found[line["headers"].get("webhook-id", "")].append(line)
        return found

    def delivered(self, pushes: Sequence[Push]) -> bool:
        """Whether each has its row, and in it one attempt that succeeded."""

        def one(push: Push) -> bool:
            row = self._store.get(DELIVERIES, push.webhook_id).value
            return row is not None and (row.state, len(row.attempts)) == (State.DELIVERED, 1)

        with ThreadPoolExecutor(8) as pool:
            return all(pool.map(one, pushes))

    def fault(self, *rules: dict[str, Any]) -> None:
        """Arm fault rules of the sink."""
        url = f"{self.info['webhook_sink']}/_faults"
        self._http.post(url, json=rules, timeout=10).raise_for_status()

    def fired(self) -> int:
        """How often one of them did."""
        url = f"{self.info['webhook_sink']}/_faults"
        count: int = self._http.get(url, timeout=10).json()["fired"]
        return count

    @contextmanager
    def cpu(self) -> Iterator[list[float]]:
        """Seconds of CPU that the notifier's processes have used in the block, as one number."""
        before, spent = _cpu_seconds(self.notifier), [0.0]
        try:
            yield spent
        finally:
            spent[0] = _cpu_seconds(self.notifier) - before

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._local, "connection"):
            url = urlsplit(self.info["notifier"])
            made = http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)
            self._local.connection = made
        found: http.client.HTTPConnection = self._local.connection
        return found


def _cpu_seconds(pid: int) -> float:
    """Of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    times = [Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in children]
    own = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(one[11]) + int(one[12]) for one in (own, *times)) / _TICKS


def lines(received: Iterable[dict[str, Any]]) -> str:
    """Bodies and their headers, for ``benchmarks/bare.py``."""
    kept = ("content-type", "webhook-id", "webhook-timestamp", "webhook-signature")
    hooks = (
        {"body": line["body"], "headers": {name: line["headers"][name] for name in kept}}
        for line in received
    )
    return "".join(json.dumps(hook) + "\n" for hook in hooks)
