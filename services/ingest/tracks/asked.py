"""What is asked of tracks, and the ways in which it can be refused."""

import uuid
from dataclasses import dataclass
from typing import Final

from shared.messages import TrackRequest

_NAMESPACE: Final = uuid.UUID("6f7469b6-4d6f-7469-8000-6d6f74696601")


class NoSuchTrack(Exception):
    """There is none, or it is another tenant's."""


class KeyReused(Exception):
    """The idempotency key came before, with another body."""


class WasErased(Exception):
    """The track of this idempotency key was erased."""


class NotRetryable(Exception):
    """Only failed and expired tracks can run again; the argument is the track's status."""


class MovedOn(NotRetryable):
    """The run after ours has begun: whether ours was committed, nobody can tell any more."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the edge accepted it."""

    tenant: str
    request: TrackRequest
    fingerprint: str
    lifetime: int
    """Seconds from submit to deadline."""
    key: str = ""
    """The idempotency key, if one was sent."""


def keyed(tenant: str, key: str) -> uuid.UUID:
    """The request id that an idempotency key stands for."""
    return uuid.uuid5(uuid.uuid5(_NAMESPACE, tenant), key)
