import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.generator.claim import Claim, Lost, Refused, take
from shared import rules
from shared.errors import CommitUnclear
from shared.gcp.firestore import FirestoreStore
from shared.ports import Update
from shared.timing import Timing
from shared.track import TRACKS, Park, Stage, Status, Track
from tests.support.tracks import TIMING, stored_track

SHORT = Timing().scaled(0.01)


@pytest.fixture
def store(project: str) -> Iterator[FirestoreStore]:
    store = FirestoreStore(project)
    yield store
    store.close()


def claim(store: FirestoreStore, request_id: str, timing: Timing = TIMING) -> Claim:
    taken = take(store, request_id, 1, timing)
    assert isinstance(taken, Claim)
    return taken


def document(store: FirestoreStore, request_id: str) -> Track:
    track = store.get(TRACKS, request_id).value
    assert track is not None
    return track


def test_a_claim_takes_lease_epoch_and_attempt(store: FirestoreStore) -> None:
    request_id = stored_track(store)
    taken = claim(store, request_id)
    track = document(store, request_id)
    assert (track.holder, track.epoch, track.attempts) == (taken.holder, 1, 1)
    assert track.wake_at == track.lease_expires_at
    assert track.live(store.clock.now())


def test_twenty_claims_at_once_give_one(store: FirestoreStore) -> None:
    request_id = stored_track(store)
    gate = threading.Barrier(20)

    def one(_: int) -> object:
        gate.wait()
        return take(store, request_id, 1, TIMING)

    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(one, range(20)))
    assert sum(isinstance(r, Claim) for r in results) == 1
    assert document(store, request_id).epoch == 1


@pytest.mark.parametrize(
    ("fields", "must_end"),
    [
        ({"status": Status.COMPLETED}, False),
        ({"run": 2}, False),
        ({"holder": "x", "lease_expires_at": "future"}, False),
        ({"not_before": "future"}, False),
        ({"attempts": rules.MAX_CLAIMS}, True),
        ({"cancel_requested": True}, True),
        ({"deadline": "past"}, True),
    ],
)
def test_what_is_not_ours_is_left(
    store: FirestoreStore, fields: dict[str, object], must_end: bool
) -> None:
    store.get(TRACKS, "clock")
    times = {k: store.clock.now() + timedelta(hours=h) for k, h in (("future", 1), ("past", -1))}
    request_id = stored_track(
        store, fields={k: times.get(v, v) if isinstance(v, str) else v for k, v in fields.items()}
    )
    before = document(store, request_id)
    assert take(store, request_id, 1, TIMING) == Refused(must_end=must_end)
    assert document(store, request_id) == before


def test_an_unknown_track_is_nobodys(store: FirestoreStore) -> None:
    assert take(store, "00000000-0000-0000-0000-000000000000", 1, TIMING) == Refused()


def test_an_expired_lease_is_overtaken_and_its_holder_fenced(store: FirestoreStore) -> None:
    request_id = stored_track(store)
    first = claim(store, request_id, SHORT)
    until = threading.Event()
    while document(store, request_id).live(store.clock.now()):
        until.wait(0.05)
    second = claim(store, request_id)
    assert second.epoch == first.epoch + 1
    with pytest.raises(Lost):
        first.renew()
    assert document(store, request_id).holder == second.holder


def test_every_write_renews_until_the_budget_ends(store: FirestoreStore) -> None:
    request_id = stored_track(store)
    taken = claim(store, request_id)
    before = document(store, request_id).lease_expires_at
    taken.write(lambda track, now: rules.staged(track, Stage.GENERATING, now))
    after = document(store, request_id)
    assert before is not None
    assert after.lease_expires_at is not None
    assert after.lease_expires_at > before
    assert after.stage == Stage.GENERATING

    spent = Claim(store, after, replace(TIMING, budget=0.0))
    threading.Event().wait(0.05)
    spent.write(lambda track, now: rules.staged(track, Stage.MASTERING, now))
    assert document(store, request_id).lease_expires_at == after.lease_expires_at


def test_renewals_go_on_in_the_background_and_end_with_the_block(store: FirestoreStore) -> None:
    request_id = stored_track(store)
    taken = claim(store, request_id, SHORT)
    with taken.kept():
        threading.Event().wait(SHORT.lease * 1.5)
        assert document(store, request_id).live(store.clock.now())
        assert taken.fresh()
    rested = document(store, request_id).lease_expires_at
    threading.Event().wait(SHORT.renew * 2)
    assert document(store, request_id).lease_expires_at == rested


def test_freshness_ends_before_the_lease(store: FirestoreStore) -> None:
    request_id = stored_track(store)
    taken = claim(store, request_id, SHORT)
    while taken.fresh():
        threading.Event().wait(0.02)
    assert document(store, request_id).live(store.clock.now())


def test_a_lost_reply_is_recognised_as_our_own_claim(store: FirestoreStore) -> None:
    request_id = stored_track(store)
    lossy = LossyStore(store)
    taken = take(lossy, request_id, 1, TIMING)
    assert isinstance(taken, Claim)
    assert lossy.lost == 1
    assert document(store, request_id).attempts == 1


def test_a_park_whose_reply_is_lost_happens_once(store: FirestoreStore) -> None:
    request_id = stored_track(store)
    taken = claim(store, request_id)
    taken._store = lossy = LossyStore(store)

    def parked(track: Track, now: datetime) -> Track:
        return rules.parked(track, Park.FAULT, now, TIMING, unpaid=False)

    taken.write(parked)
    track = document(store, request_id)
    assert lossy.lost == 1
    assert (track.holder, track.park, track.faults, track.attempts) == ("", Park.FAULT, 1, 1)


class LossyStore(FirestoreStore):
    """The real store; the reply to its first commit is lost after the commit has happened."""

    def __init__(self, inner: FirestoreStore) -> None:
        self.__dict__.update(inner.__dict__)
        self.lost = 0

    def commit(self, *writes: object) -> datetime:
        time = super().commit(*writes)  # type: ignore[arg-type]  # handed on as it came
        if not self.lost:
            self.lost += 1
            raise CommitUnclear("lost")
        return time


def test_a_conflicting_wish_is_seen_and_kept(store: FirestoreStore) -> None:
    request_id = stored_track(store)
    taken = claim(store, request_id)
    seen = store.get(TRACKS, request_id)
    assert seen.value
    assert seen.version
    store.commit(
        Update(TRACKS, request_id, replace(seen.value, cancel_requested=True), seen.version)
    )
    assert taken.renew().cancel_requested
