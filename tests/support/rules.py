"""Tracks that exist only on paper, for tests of pure rules."""

from datetime import UTC, datetime
from typing import Final

from shared import rules
from shared.endings import Ending, ended
from shared.messages import TrackRequest
from shared.timing import Timing
from shared.track import Status, Track

TIMING: Final = Timing()
START: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ENDINGS: Final = [Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.EXPIRED]


def new(lifetime: int = 3600, callback_url: str = "") -> Track:
    return rules.new_track(
        TrackRequest(prompt="warm strings", duration_seconds=20, callback_url=callback_url),
        request_id="r1",
        tenant="local",
        fingerprint="f",
        lifetime=lifetime,
        now=START,
        timing=TIMING,
    )


def claimed(track: Track, now: datetime = START) -> Track:
    return rules.claimed(track, "h1", now, TIMING)


def ending(track: Track, status: Status, now: datetime) -> Track:
    return ended(track, Ending(status), now=now, nonce="n", source="tests", timing=TIMING)
