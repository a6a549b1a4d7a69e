"""Deadlines: what has not begun costs nothing, what has begun is finished only if it is paid."""

import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.generator.model import Clip, ClipRequest, QuotaExceeded
from shared.allowance import Allowance
from shared.endings import note
from shared.messages import decode_event
from shared.track import Park, Status
from tests.support.bench import Bench, Script, tone
from tests.support.tracks import stored_track

PARKED = 50
TWO_CLIPS: dict[str, Any] = {"duration_seconds": 50}


@pytest.fixture(scope="module")
def clip() -> bytes:
    return tone(32.768)


@pytest.mark.parametrize("park", [Park.QUOTA, Park.FAULT, Park.NONE])
def test_parked_tracks_past_their_deadline_expire_unpaid(bench: Bench, park: Park) -> None:
    ids = {stored_track(bench.store, lifetime=1) for _ in range(PARKED)}
    now = bench.store.clock.now()
    for request_id in ids:
        later = {"park": park, "not_before": now + timedelta(hours=1)}
        bench.wake_now(request_id, deadline=now, **later)
    model = Script(AssertionError("paid"))
    generator = bench.generator(model)
    for _ in range(2):  # the second pass finds nothing left to say
        bench.sweep(generator, seconds=30)
    tracks = [bench.track(request_id) for request_id in ids]
    assert Counter(track.status for track in tracks) == {Status.EXPIRED: PARKED}
    assert {track.error.code for track in tracks if track.error} == {"deadline_exceeded"}
    assert {track.wake_at for track in tracks} == {None}
    assert {track.provider_calls for track in tracks} == {0}
    assert model.asked == []
    told = [decode_event(data) for data, _ in bench.events.sent]
    assert Counter(event.request_id for event in told) == dict.fromkeys(ids, 1)
    assert {event.status for event in told} == {"expired"}


def test_a_message_that_comes_after_the_deadline_pays_nothing(bench: Bench) -> None:
    request_id = stored_track(bench.store, lifetime=1)
    bench.wake_now(request_id, deadline=bench.store.clock.now())
    model = Script(AssertionError("paid"))
    assert bench.push(bench.generator(model), request_id).status is Status.EXPIRED
    assert model.asked == []


class Overtaken:
    """A model during whose first call, or last of so many, the deadline passes."""

    def __init__(self, bench: Bench, request_id: str, clip: bytes, at: int) -> None:
        self._bench = bench
        self._request_id = request_id
        self._clip = clip
        self._at = at
        self._lock = threading.Lock()
        self.asked = 0

    def generate(self, _: ClipRequest) -> Clip:
        with self._lock:
            self.asked += 1
            if self.asked == self._at:
                now = self._bench.store.clock.now()
                note(self._bench.store, self._request_id, lambda t: replace(t, deadline=now))
        return Clip(self._clip)


def test_a_running_track_buys_no_clip_after_its_deadline(bench: Bench, clip: bytes) -> None:
    bench.allowance = Allowance(bench.store, "one", depth=1, per_second=1.0)  # one after another
    request_id = stored_track(bench.store, **TWO_CLIPS)
    model = Overtaken(bench, request_id, clip, at=1)
    track = bench.push(bench.generator(model), request_id)
    assert (track.status, model.asked, track.provider_calls) == (Status.EXPIRED, 1, 1)
    assert track.result is None


def test_what_is_fully_paid_is_finished_after_its_deadline(bench: Bench, clip: bytes) -> None:
    bench.allowance = Allowance(bench.store, "two", depth=1, per_second=1.0)
    request_id = stored_track(bench.store, **TWO_CLIPS)
    model = Overtaken(bench, request_id, clip, at=2)
    track = bench.push(bench.generator(model), request_id)
    assert (track.status, model.asked, track.provider_calls) == (Status.COMPLETED, 2, 2)


def test_a_track_that_waits_for_its_second_clip_expires(bench: Bench, clip: bytes) -> None:
    """Parked with one of two clips stored: nothing more is bought, and nothing is made of it."""
    request_id = stored_track(bench.store, **TWO_CLIPS)
    bench.allowance = Allowance(bench.store, "three", depth=1, per_second=1.0)
    model = Script(clip, QuotaExceeded("429", retry_after=3600))
    generator = bench.generator(model)
    assert bench.push(generator, request_id).park is Park.QUOTA
    asked = len(model.asked)
    assert asked == 2
    bench.wake_now(request_id, deadline=bench.store.clock.now())
    bench.sweep(generator)
    assert bench.track(request_id).status is Status.EXPIRED
    assert len(model.asked) == asked
