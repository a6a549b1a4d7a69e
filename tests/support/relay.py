"""A relay between the topics of one project and one service that plays both."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from google.auth import jwt

from tests.support.processes import running
from tests.support.target import Target
from tests.support.topics import Topics, topics


@dataclass(frozen=True)
class Relay:
    """A running relay at ``url``; ``log`` is what it wrote."""

    url: str
    topics: Topics
    service: Target
    log: Path

    def fault(self, match: dict[str, str], count: int = 1, **action: Any) -> None:
        rule = {"match": match, "action": action, "count": count}
        requests.post(f"{self.url}/_faults", json=[rule], timeout=5).raise_for_status()

    def armed(self) -> Any:
        return requests.get(f"{self.url}/_faults", timeout=5).json()["armed"]

    def disarm(self) -> None:
        requests.delete(f"{self.url}/_faults", timeout=5).raise_for_status()

    def tick(self) -> Any:
        return requests.post(f"{self.url}/tick", timeout=30).json()

    def certs(self) -> Any:
        return requests.get(f"{self.url}/certs", timeout=5).json()

    def claims(self, token: str, audience: str) -> Any:
        """The claims of a valid token. Raises GoogleAuthError for any other."""
        return jwt.decode(token, certs=self.certs(), audience=audience)


@contextmanager
def relaying(
    project: str,
    folder: Path,
    keys_folder: Path,
    *options: str,
    scale: float,
    service_port: int = 0,
) -> Iterator[Relay]:
    """Run a relay over the topics of *project*, which must exist."""
    log = folder / "log"
    with Target() as service, topics(project) as opened:
        arguments: list[str | Path] = ["--data", folder, "--keys", keys_folder, *options]
        arguments += ["--generator", service.url, "--notifier", service.url]
        env = {"GCP_PROJECT": project, "TIME_SCALE": str(scale)}
        with running("deploy.local.relay", *arguments, log=log, **env) as url:
            yield Relay(url, opened, service, log)
