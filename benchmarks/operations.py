"""What one track asks of Google: calls, documents, objects, messages, bytes of log.

    python benchmarks/operations.py [FIGURES.json]

A stack of its own, whose clients write down each call. One 30-s track with a callback is followed
by long polls to its end and fetched once; an idle minute is counted beside it. A query counts with
its limit, the most that it can be billed for. ``deploy/checks/cost.py`` has the figures.
"""

import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import requests

sys.path.insert(0, str(Path(__file__).parents[1]))

from deploy.local import ports
from deploy.local.stack import Stack

SERVICES: Final = ("ingest", "generator", "notifier")
_MARK: Final = "CALLED "
# Python runs it at each start of a process whose path it is on.
_SPY: Final = """
import os, grpc, requests
from grpc import _channel

def tell(*what):
    os.write(2, f"CALLED {' '.join(map(str, what))}\\n".encode())  # whole lines, from any thread

def spied(kind):
    made = getattr(_channel.Channel, kind)
    def make(self, method, *args, **kwargs):
        call = made(self, method, *args, **kwargs)
        name = str(method).rpartition("/")[2].rstrip("'")
        class Spy:
            def __getattr__(self, attribute):
                return getattr(call, attribute)
            def __call__(self, request, *args, **kwargs):
                size(name, request)
                return call(request, *args, **kwargs)
            def with_call(self, request, *args, **kwargs):
                size(name, request)
                return call.with_call(request, *args, **kwargs)
        return Spy()
    setattr(_channel.Channel, kind, make)

def size(name, request):
    if name == "Commit":
        writes = [w for w in request.writes]
        gone = sum(1 for w in writes if "delete" in w) if writes else 0
        tell("write", len(writes) - gone)
        tell("delete", gone)
    elif name == "BatchGetDocuments":
        tell("read", len(request.documents))
    elif name == "RunQuery":
        tell("read", max(1, request.structured_query.limit or 1))
        tell("query", 1)
    elif name == "RunAggregationQuery":
        tell("read", 1)
    elif name == "Publish":
        tell("message", len(request.messages))
        tell("message_bytes", sum(max(1000, type(m).pb(m).ByteSize()) for m in request.messages))

for kind in ("unary_unary", "unary_stream"):
    spied(kind)

sent = requests.sessions.Session.request
def send(self, method, url, *args, **kwargs):
    if "/storage/v1/" in url:
        lists = method == "GET" and "/o?" in url
        writes = method == "POST" and "/upload/" in url
        if writes or lists:
            tell("object_a", 1)
        elif method == "GET":
            tell("object_b", 1)
    return sent(self, method, url, *args, **kwargs)
requests.sessions.Session.request = send
"""


def main() -> None:
    """Count, print, and write the figures down if a file is named."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with _spied(place) as stack:
            _track(stack, "warm")
            time.sleep(35)
            marks = _sizes(stack)
            time.sleep(60)
            idle = _counted(stack, marks)
            marks = _sizes(stack)
            stored = _track(stack, "counted")
            time.sleep(35)
            track = _counted(stack, marks)
    figures = {"track": {**track, **stored}, "idle_minute": idle}
    text = json.dumps(figures, indent=2)
    print(text)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text)


def _spied(place: Path) -> Stack:
    """A stack that writes its calls down; the model takes 20 s."""
    (place / "sitecustomize.py").write_text(_SPY)
    stack = Stack(place / "state", {**os.environ, **ports.ANY, "VERTEX_LATENCY_SECONDS": "20"})
    stack._env["PYTHONPATH"] += f":{place}"  # noqa: SLF001 - nobody else needs another
    stack._start_all()  # noqa: SLF001 - as Stack.start does
    return stack


def _track(stack: Stack, name: str) -> dict[str, Any]:
    api = stack.info["api"]
    asked = {
        "prompt": f"warm strings over a slow river, {name}",
        "callback_url": f"{stack.info['webhook_sink']}/hook/{name}",
    }
    began, polls = time.monotonic(), 0
    sent = requests.post(f"{api}/v1/tracks", json=asked, timeout=30)
    url = f"{api}/v1/tracks/{sent.json()['request_id']}"
    while requests.get(f"{url}?wait=30", timeout=60).json()["status"] != "completed":
        polls += 1
    seconds = time.monotonic() - began
    audio = requests.get(f"{url}/audio.wav", timeout=60)
    return {"seconds": round(seconds, 1), "polls": polls + 1, "audio_bytes": len(audio.content)}


def _sizes(stack: Stack) -> dict[str, int]:
    return {name: stack.log(name).stat().st_size for name in SERVICES}


def _counted(stack: Stack, marks: dict[str, int]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for name, start in marks.items():
        for line in stack.log(name).read_bytes()[start:].decode().splitlines():
            if line.startswith(_MARK):
                _, what, number = line.split()
                found[what] += int(number)
                found[f"{name}_{what}"] += int(number)
            else:
                found["log_lines"] += 1
                found["log_bytes"] += len(line)
    return dict(sorted(found.items()))


if __name__ == "__main__":
    main()
