"""The use case of erasing: one commit, after which nobody sees the track any more."""

from contextlib import suppress
from typing import Final

from services.ingest.prompts.records import IMAGES, Seen
from services.ingest.tracks.asked import NoSuchTrack
from services.ingest.tracks.use_cases import SOURCE, replaced
from shared import rules, tracing
from shared.endings import ROUNDS
from shared.erasing import erased
from shared.errors import CommitUnclear, RetryableError, StoreUnavailable
from shared.failpoints import failpoint
from shared.messages import request_attributes
from shared.ports import Delete, Publisher, Store
from shared.timing import Timing
from shared.track import TRACKS, Track
from shared.webhooks import DELIVERIES, Delivery

_DELIVERIES: Final = rules.MAX_RUNS
"""One for each ending, at most."""


class NotEnded(Exception):
    """Only ended tracks can be erased; the argument is the track's status."""


class Erasing:
    """Erases tracks; thread-safe, one per process."""

    def __init__(self, *, store: Store, requests: Publisher, timing: Timing) -> None:
        """*requests* wakes the generator, which deletes the objects."""
        self._store = store
        self._requests = requests
        self._timing = timing

    def erase(self, tenant: str, request_id: str) -> None:
        """Erase an ended track's texts, addresses and webhooks at once, its objects soon after.

        Asked again, it is done already.

        Raises:
            NotEnded: it is queued or running.
            NoSuchTrack: none that this tenant may see.
            StoreUnavailable: Firestore gave no verdict.
        """
        for _ in range(ROUNDS):
            seen = self._store.get(TRACKS, request_id)
            track, now = seen.value, self._store.clock.now()
            if track is None or track.tenant != tenant or track.expired(now):
                raise NoSuchTrack(request_id)
            if track.erased:
                return
            if not track.status.ended:
                raise NotEnded(track.status)
            done = erased(track, now, self._timing)
            try:
                # A new delivery comes with a new version of the track, so none is overlooked.
                self._store.commit(
                    replaced(seen, done), *self._deliveries(request_id), *self._image(track)
                )
            except CommitUnclear:
                continue
            failpoint("after_erase_commit", request_id)
            self._wake(done)
            return
        raise StoreUnavailable("an erasing found no quiet moment")

    def _deliveries(self, request_id: str) -> list[Delete[Delivery]]:
        found = self._store.find(DELIVERIES, {"request_id": request_id}, limit=_DELIVERIES)
        return [Delete(DELIVERIES, row.id, row.version) for row in found if row.version]

    def _image(self, track: Track) -> list[Delete[Seen]]:
        """What was seen in the image that it was made from: erased is erased."""
        if not track.request.image_id:
            return []
        row = self._store.get(IMAGES, track.request.image_id)
        own = row.value is not None and row.value.tenant == track.tenant
        return [Delete(IMAGES, row.id, row.version)] if own and row.version else []

    def _wake(self, track: Track) -> None:
        message = track.command()
        with suppress(RetryableError):  # erased it is: the track's wake_at repeats the message
            with tracing.publishing(message.type, track.traceparent) as carried:
                self._requests.publish(message, request_attributes(message, SOURCE) | carried)
            failpoint("after_publish_erase", track.request_id)
