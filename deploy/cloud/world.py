"""What a check looks at: a deployed Motif, in the cloud or on this machine."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import requests

from deploy.cloud.storage import Storage

REFUSED: Final = (401, 403)


class Failed(Exception):
    """A check did not find what it has to find; the text says what it found."""


class World(Protocol):
    """Methods may raise Failed, CommandFailed, and what requests raises."""

    @property
    def project(self) -> str:
        """Its id."""

    @property
    def topics(self) -> Sequence[str]:
        """Those of requests, events and progress."""

    @property
    def buckets(self) -> Mapping[str, str]:
        """``prompts`` and ``output`` -> name."""

    @property
    def storage(self) -> Storage:
        """What reads them."""

    @property
    def http(self) -> requests.Session:
        """What the services are called through; it bears no credentials."""

    @property
    def track_seconds(self) -> float:
        """How long a short track may take."""

    def url(self, service: str) -> str:
        """Base URL of ``ingest``, ``generator`` or ``notifier``."""

    def ready(self, service: str) -> None:
        """Return if *service* serves. Raises Failed."""

    def errors(self, service: str) -> Sequence[str]:
        """What *service* has logged as errors lately, at most a few."""

    def subscription(self, topic: str) -> Mapping[str, Any]:
        """The subscription that pushes *topic*, as Pub/Sub's REST API writes it."""

    def forwards(self, topic: str) -> bool:
        """Whether dead letters of that subscription can leave it."""

    def dead_letters(self, topic: str) -> Mapping[str, Any]:
        """The subscription of *topic*'s dead letters."""

    def api_key(self) -> str:
        """A key of the API, empty where it asks for none."""

    def token(self, audience: str) -> str:
        """An OIDC token of the scheduler's account, as a sweep bears it."""

    def forged(self, audience: str) -> str:
        """The same without a signature: what only Cloud Run's own front end may make."""

    def refused(self, answer: requests.Response) -> None:
        """Return if the generator, or who stands before it, refused a token. Raises Failed."""
