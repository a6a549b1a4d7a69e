"""The local stack as a world: the same reads, answered by emulators and stand-ins."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import requests

from deploy.cloud.storage import Storage
from deploy.cloud.tokens import claims, unsigned
from deploy.cloud.world import REFUSED, Failed
from deploy.local.keys import SCHEDULER_ACCOUNT
from deploy.local.relay import push

_SECONDS: Final = 10
_AT_MOST: Final = 5
_BAD: Final = frozenset({"ERROR", "CRITICAL", "ALERT", "EMERGENCY"})


class LocalWorld:
    """A stack that runs here; see World."""

    track_seconds = 120.0

    def __init__(self, info: Mapping[str, Any], log: Callable[[str], Path]) -> None:
        """*info* is ``stack.json``, *log* names the file of each process's lines."""
        self._info, self._log = info, log
        self.http = requests.Session()
        self.http.trust_env = False  # no proxy for our own machine
        self.project: str = info["project"]
        self.topics = [info["topics"][name] for name in ("requests", "events", "progress")]
        self.buckets = {"prompts": info["prompts_bucket"], "output": info["output_bucket"]}
        self.storage = Storage(self.http, info["storage"])

    def url(self, service: str) -> str:
        """From ``stack.json``."""
        url: str = self._info["api" if service == "ingest" else service]
        return url

    def ready(self, service: str) -> None:
        """Its startup probe answers."""
        try:
            answer = self.http.get(f"{self.url(service)}/startup", timeout=_SECONDS)
        except requests.RequestException as exc:
            raise Failed(f"does not answer ({type(exc).__name__})") from exc
        if not answer.ok:
            raise Failed(f"/startup answers {answer.status_code}")

    def errors(self, service: str) -> Sequence[str]:
        """Of everything since the stack was started."""
        lines = self._log(service).read_text(errors="replace").splitlines()
        return [said for line in lines if (said := error(line))][:_AT_MOST]

    def subscription(self, topic: str) -> Mapping[str, Any]:
        """Pub/Sub's emulator keeps it; backoff and dead letters are the relay's part here."""
        return {
            **self._subscription(f"eventarc-{topic}"),
            "retryPolicy": {
                "minimumBackoff": f"{push.BACKOFF:.0f}s",
                "maximumBackoff": f"{push.BACKOFF_LIMIT:.0f}s",
            },
            "deadLetterPolicy": {
                "deadLetterTopic": f"projects/{self.project}/topics/{topic}-dead",
                "maxDeliveryAttempts": push.ATTEMPTS,
            },
        }

    def forwards(self, topic: str) -> bool:
        """Nobody is asked here."""
        del topic
        return True

    def dead_letters(self, topic: str) -> Mapping[str, Any]:
        """The emulator's."""
        return self._subscription(f"{topic}-dead-sub")

    def api_key(self) -> str:
        """That of tenant ``local``, where the stack asks for keys."""
        key: str = self._info.get("api_key", "")
        return key

    def token(self, audience: str) -> str:
        """The relay signs it, as it does for its sweeps."""
        asked = {"email": SCHEDULER_ACCOUNT, "audience": audience}
        answer = self.http.post(f"{self._info['relay']}/token", json=asked, timeout=_SECONDS)
        answer.raise_for_status()
        token: str = answer.json()["token"]
        return token

    def forged(self, audience: str) -> str:
        """Good claims, and the marker."""
        return unsigned(claims(SCHEDULER_ACCOUNT, audience))

    def refused(self, answer: requests.Response) -> None:
        """Here the service itself has to."""
        if answer.status_code not in REFUSED:
            raise Failed(f"answered {answer.status_code}, not 401 or 403")

    def _subscription(self, name: str) -> dict[str, Any]:
        url = f"http://{self._info['pubsub']}/v1/projects/{self.project}/subscriptions/{name}"
        answer = self.http.get(url, timeout=_SECONDS)
        if answer.status_code == requests.codes.not_found:
            raise Failed(f"there is no subscription {name}")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


def error(line: str) -> str:
    """What a line of a log says if it is an error; a traceback outside of JSON is one, too."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line if line.startswith("Traceback ") else ""
    if isinstance(entry, dict) and entry.get("severity") in _BAD:
        return str(entry.get("message"))
    return ""
