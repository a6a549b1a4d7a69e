"""Does a submit become a track, with everything that belongs to one?"""

import time
import uuid
from collections.abc import Iterator
from functools import cached_property, partial
from typing import Any, Final

import requests

from deploy.cloud.bucket_checks import Check
from deploy.cloud.names import MODEL
from deploy.cloud.world import Failed, World

_REQUEST: Final = {"prompt": "A short bell over calm strings", "duration_seconds": 2}
_KINDS: Final = {"requests": "prompts", "metadata": "output", "audio": "output"}
"""Folder -> bucket."""
_OPEN: Final = ("queued", "running")
_SECONDS: Final = 30
_POLL_SECONDS: Final = 0.5
_NEWEST: Final = 20


def checks(world: World) -> Iterator[Check]:
    """Name -> what raises Failed; the track is submitted once, at the first that needs it."""
    look = _Look(world)
    yield "submit", look.submit
    for kind in _KINDS:
        yield f"objects-{kind}", partial(look.objects, kind)


class _Look:
    """One track, and the newest of its tenant."""

    def __init__(self, world: World) -> None:
        self._world = world

    def submit(self) -> None:
        answer = self._answer
        if answer.get("status") != "queued" or answer.get("model") != MODEL:
            raise Failed(f"status {answer.get('status')}, model {answer.get('model')}")

    def objects(self, kind: str) -> None:
        """Every one of the newest completed tracks has its objects of this kind."""
        bucket = self._world.buckets[_KINDS[kind]]
        for track in sorted(self._completed):
            if not any(self._world.storage.names(bucket, f"{kind}/{track}.")):
                raise Failed(f"no {kind}/{track}.* in {bucket}")

    @cached_property
    def _answer(self) -> dict[str, Any]:
        answer = self._world.http.post(
            f"{self._world.url('ingest')}/v1/tracks",
            json=_REQUEST,
            headers={**self._bearer, "Idempotency-Key": str(uuid.uuid4())},
            timeout=_SECONDS,
        )
        if answer.status_code != requests.codes.accepted:
            raise Failed(f"answered {answer.status_code}: {answer.text[:200]}")
        found: dict[str, Any] = answer.json()
        return found

    @cached_property
    def _completed(self) -> frozenset[str]:
        """Our own track, once it is, and those before it."""
        own = self._answer["request_id"]
        self._world.ready("generator")  # else nobody is going to make it
        end = time.monotonic() + self._world.track_seconds
        while (track := self._get(f"/v1/tracks/{own}"))["status"] in _OPEN:
            if time.monotonic() > end:
                raise Failed(f"track {own} is still {track['status']}")
            time.sleep(_POLL_SECONDS)
        if track["status"] != "completed":
            raise Failed(f"track {own} is {track['status']}: {track['error']}")
        newest = self._get(f"/v1/tracks?status=completed&limit={_NEWEST}")["tracks"]
        return frozenset({own, *(track["request_id"] for track in newest)})

    def _get(self, path: str) -> dict[str, Any]:
        url = f"{self._world.url('ingest')}{path}"
        answer = self._world.http.get(url, headers=self._bearer, timeout=_SECONDS)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    @cached_property
    def _bearer(self) -> dict[str, str]:
        key = self._world.api_key()
        return {"Authorization": f"Bearer {key}"} if key else {}
