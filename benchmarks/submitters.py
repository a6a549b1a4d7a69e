"""The servers that ``benchmarks/submit.py`` submits to: started, killed, asked what they hold."""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import requests
from google.cloud import firestore
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from deploy.local.process import HOST, Process, free_port
from deploy.local.stack import Stack
from shared.gcp.storage import storage_client

ROOT: Final = Path(__file__).parents[1]
THREADS: Final = "64"
_MOST: Final = 1000
_PREDICTOR: Final = """
from cog import BasePredictor

class Predictor(BasePredictor):
    def predict(self, name: str, out: str) -> str:
        with open(out, "a") as file:
            file.write(name + "\\n")
        return name
"""


@dataclass(frozen=True)
class Call:
    """One submit as an HTTP request."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Submitter(Protocol):
    """One server."""

    port: int

    def start(self) -> None:
        """Run, and return when it answers."""

    def kill(self) -> None:
        """SIGKILL."""

    def pid(self) -> int:
        """Of its process group."""

    def call(self, name: str) -> Call:
        """A submit that can be told from others by its *name*."""

    def held(self) -> Counter[str]:
        """How often it has each name."""


def _body(name: str) -> bytes:
    asked = {"prompt": "a benchmark with strings", "duration_seconds": 30}
    return json.dumps({**asked, "metadata": {"name": name}}).encode()


class Motif:
    """Ingest of a stack of which nothing else but emulators and storage runs."""

    def __init__(self, stack: Stack, *, keyed: bool = False) -> None:
        """*keyed*: with an ``Idempotency-Key``."""
        self._stack = stack
        self._keyed = keyed
        self.port = int(stack.info["api"].rpartition(":")[2])

    def start(self) -> None:
        """Run, and return when it answers."""
        self._stack.restart("ingest")

    def kill(self) -> None:
        """SIGKILL."""
        self._stack.kill("ingest")

    def pid(self) -> int:
        """Of its process group."""
        return self._stack.pid("ingest")

    def call(self, name: str) -> Call:
        """A submit of this *name*."""
        headers = {"Idempotency-Key": name} if self._keyed else {}
        return Call("POST", "/v1/tracks", _body(name), headers)

    def held(self) -> Counter[str]:
        """How often it has each name."""
        with closing(firestore.Client(project=self._stack.info["project"])) as client:
            found = client.collection("tracks").select(["request.metadata"]).stream()
            documents = [one.to_dict() or {} for one in found]
        return Counter(one["request"]["metadata"]["name"] for one in documents)


class _Own:
    """A process of its own."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: Process | None = None

    def kill(self) -> None:
        """SIGKILL."""
        self._running().kill()

    def pid(self) -> int:
        """Of its process group."""
        return self._running().pid

    def _running(self) -> Process:
        if self._process is None:
            raise RuntimeError(f"{type(self).__name__} does not run")
        return self._process


class _Flask(_Own):
    """One of ``benchmarks/submitted.py``, under gunicorn with Motif's own configuration."""

    made = ""

    def __init__(self, stack: Stack, folder: Path) -> None:
        super().__init__()
        self._info = stack.info
        self._log = folder / f"{self.made}.log"

    def start(self) -> None:
        """Run, and return when it answers."""
        config, app = ROOT / "deploy" / "gunicorn.conf.py", f"benchmarks.submitted:{self.made}()"
        command = [sys.executable, "-m", "gunicorn", "-c", str(config), app]
        env = {
            "BIND": HOST,
            "PORT": str(self.port),
            "THREADS": THREADS,
            "PYTHONPATH": str(ROOT),
            "GCP_PROJECT": self._info["project"],
            "INPUT_BUCKET": self._info["prompts_bucket"],
            "BARE_TOPIC": "bare",
        }
        self._process = Process(self.made, command, self._log, os.environ | env)
        self._process.wait_ready(self.port, path="/startup")

    def call(self, name: str) -> Call:
        """A submit of this *name*."""
        return Call("POST", "/", _body(name))


class Upload(_Flask):
    """What the first service did."""

    made = "upload"

    def held(self) -> Counter[str]:
        """How often it has each name."""
        with closing(storage_client(self._info["project"])) as client:
            blobs = list(client.list_blobs(self._info["prompts_bucket"], prefix="requests/"))
            with ThreadPoolExecutor(8) as pool:
                texts = list(pool.map(lambda blob: blob.download_as_bytes(), blobs))
        return Counter(json.loads(text)["metadata"]["name"] for text in texts)


class Publish(_Flask):
    """Publishes and nothing else."""

    made = "publish"

    def __init__(self, stack: Stack, folder: Path, *, batches: bool = True) -> None:
        """*batches*: let the client send together what comes together, as it does by itself."""
        super().__init__(stack, folder)
        self.made = "publish" if batches else "publish_alone"
        project = self._info["project"]
        self._seen: Counter[str] = Counter()
        with SubscriberClient() as subscriber:
            publisher = PublisherClient()
            topic = publisher.topic_path(project, "bare")
            self._subscription = subscriber.subscription_path(project, "bare")
            if batches:
                publisher.create_topic(name=topic)
                subscriber.create_subscription(name=self._subscription, topic=topic)
            publisher.transport.close()

    def held(self) -> Counter[str]:
        """How often it has each name."""
        with SubscriberClient() as subscriber:
            while received := self._pulled(subscriber):
                subscriber.acknowledge(
                    subscription=self._subscription, ack_ids=[one.ack_id for one in received]
                )
                self._seen.update(
                    json.loads(one.message.data)["metadata"]["name"] for one in received
                )
        return self._seen

    def _pulled(self, subscriber: SubscriberClient) -> Any:
        answer = subscriber.pull(
            subscription=self._subscription, max_messages=_MOST, return_immediately=True
        )
        return answer.received_messages


class Cog(_Own):
    """cog's asynchronous predictions: one at a time, in memory, the same id only once."""

    def __init__(self, python: str, folder: Path) -> None:
        """*python* of an environment with cog 0.23.1."""
        super().__init__()
        self._python = python
        self._folder = folder / "cog"
        self._folder.mkdir()
        self._out = self._folder / "names"
        self._out.touch()
        (self._folder / "predict.py").write_text(_PREDICTOR)

    def start(self) -> None:
        """Run, and return when it answers."""
        environment = Path(self._python).absolute().parent
        env = os.environ | {
            "VIRTUAL_ENV": str(environment.parent),  # it starts the python that it finds there
            "PATH": f"{environment}:{os.environ['PATH']}",
            "PORT": str(self.port),
            "COG_PREDICT_TYPE_STUB": f"{self._folder}/predict.py:Predictor",
        }
        command = [self._python, "-m", "cog.server.http"]
        self._process = Process("cog", command, self._folder / "log", env)
        self._process.wait_ready(self.port, path="/health-check")
        url = f"http://{HOST}:{self.port}/health-check"
        while requests.get(url, timeout=10).json()["status"] != "READY":
            time.sleep(0.1)

    def call(self, name: str) -> Call:
        """A submit of this *name*."""
        body = {"input": {"name": name, "out": str(self._out)}}
        return Call(
            "PUT", f"/predictions/{name}", json.dumps(body).encode(), {"Prefer": "respond-async"}
        )

    def held(self) -> Counter[str]:
        """How often it has each name."""
        time.sleep(1)  # it runs one after the other, and answers before
        return Counter(self._out.read_text().split())
