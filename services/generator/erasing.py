"""An erased track leaves no object behind, whoever was still at work on it."""

import logging
from functools import partial

from shared import erasing
from shared.endings import note
from shared.errors import RetryableError
from shared.failpoints import failpoint
from shared.ports import Objects, Store
from shared.track import TRACKS

log = logging.getLogger(__name__)


class Eraser:
    """Deletes objects for good; thread-safe, one per process."""

    def __init__(self, *, store: Store, prompts: Objects, output: Objects) -> None:
        """*prompts* holds the archived requests, *output* everything else of a track."""
        self._store = store
        self._places = (
            *((output, pattern) for pattern in erasing.OUTPUT),
            *((prompts, pattern) for pattern in erasing.PROMPTS),
        )

    def erase(self, request_id: str) -> None:
        """Delete every object of a track that was erased; any other track is left alone.

        Raises:
            StorageUnavailable: a bucket does not answer; the sweeper comes again.
            StoreUnavailable: Firestore does not.
        """
        track = self._store.get(TRACKS, request_id).value
        if track is None or not track.erased:
            return
        looked_at = self._store.clock.now()
        failpoint("before_erase", request_id)
        for bucket, pattern in self._places:
            bucket.purge(pattern.format(request_id))
            failpoint("between_erased_objects", request_id)
        failpoint("after_objects_erased", request_id)
        note(self._store, request_id, partial(erasing.objects_erased, looked_at=looked_at))
        log.info("erased")

    def try_to(self, request_id: str) -> None:
        """As ``erase``; what does not succeed is left to the sweeper."""
        try:
            self.erase(request_id)
        except RetryableError as exc:
            log.warning("not erased yet", extra={"code": exc.code})
