"""Endings without the work before them, and what the notifier makes of them."""

import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

from shared import rules
from shared.endings import Ending, ended
from shared.gcp.firestore import FirestoreStore
from shared.ports import Create
from shared.timing import Timing
from shared.track import TRACKS, Announcement, Status, Track
from shared.webhooks import DELIVERIES, Delivery, State, webhook_id
from tests.support.messages import completed_event
from tests.support.rig import Rig
from tests.support.topics import Topics
from tests.support.tracks import SOURCE, new_track
from tests.support.waiting import wait_for

Post = dict[str, Any]
"""One line of what the sink has received."""


def ended_track(store: FirestoreStore, url: str, timing: Timing) -> Announcement:
    """Store a completed track that calls back at *url*; return what is to be published of it."""
    track = ended(
        new_track(store, callback_url=url),
        Ending(Status.COMPLETED, result=completed_event().result[0]),
        now=store.clock.now(),
        nonce=uuid.uuid4().hex,
        source=SOURCE,
        timing=timing,
    )
    (announcement,) = track.announcements
    marked = rules.marked(
        replace(track, clips_due=None),  # it has none
        published=frozenset({announcement.event_id}),
    )
    store.commit(Create(TRACKS, track.request_id, marked))
    return announcement


class Deliveries:
    """Deliveries of a running stack; thread-safe."""

    def __init__(self, rig: Rig, timing: Timing) -> None:
        self.rig = rig
        self.timing = timing
        self.store = FirestoreStore(rig.info["project"])
        self.topics = Topics(rig.info["project"])

    def close(self) -> None:
        self.topics.close()
        self.store.close()

    def publish(self, url: str) -> str:
        """Let a track end that calls back at *url*; return its ``webhook-id``."""
        announcement = ended_track(self.store, url, self.timing)
        topic = self.rig.info["topics"]["events"]
        self.topics.publish(topic, announcement.data, announcement.attributes)
        return webhook_id(announcement.event_id)

    def over(self, webhook: str, seconds: float) -> Delivery:
        """The row once nothing more will be tried."""

        def look() -> Delivery | None:
            row = self.store.get(DELIVERIES, webhook).value
            time.sleep(0.05)
            return row if row is not None and row.state is not State.PENDING else None

        row = wait_for(look, seconds)
        assert row is not None
        return row

    def track(self, row: Delivery) -> Track:
        """The track that it tells of."""
        track = self.store.get(TRACKS, row.request_id).value
        assert track is not None
        return track

    def posts(self) -> dict[str, list[Post]]:
        """What the sink has received, by ``webhook-id``."""
        found: defaultdict[str, list[Post]] = defaultdict(list)
        sink = self.rig.info["webhook_sink"]
        for post in self.rig.http.get(f"{sink}/_received", timeout=30).json():
            found[post["headers"]["webhook-id"]].append(post)
        return found


@contextmanager
def deliveries(rig: Rig, timing: Timing) -> Iterator[Deliveries]:
    with rig.addressed(), closing(Deliveries(rig, timing)) as opened:
        yield opened
