import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared import rules, shutdown
from shared.errors import CommitUnclear, RetryableError, StoreUnavailable
from shared.gcp.firestore import FirestoreStore
from shared.ports import Snapshot, Update
from shared.sweep import sweep
from shared.timing import Timing
from shared.track import TRACKS, Track
from tests.support.tracks import stored_track

PASS = 1.2
SHORT = Timing(sweep=PASS)
"""Rows that were woken are due again long after the pass."""
LONG = Timing(wake=90)
"""A pass that does not end at once would take a minute."""
AT_ONCE = 20


@pytest.fixture
def store(project: str) -> Iterator[FirestoreStore]:
    shutdown.reset()
    store = FirestoreStore(project)
    yield store
    store.close()
    shutdown.reset()


def due(store: FirestoreStore, *, by: float = -1.0) -> str:
    """A track that falls due *by* seconds from now."""
    store.get(TRACKS, "clock")
    return stored_track(store, fields={"wake_at": store.clock.now() + timedelta(seconds=by)})


def document(store: FirestoreStore, request_id: str) -> Track:
    track = store.get(TRACKS, request_id).value
    assert track is not None
    return track


class Waker:
    """Moves each row on as the services do, then does what the test wants."""

    def __init__(
        self, store: FirestoreStore, then: Callable[[str], object] = lambda _: None
    ) -> None:
        self.store = store
        self.then = then
        self.woken: list[str] = []
        self.wake_at: list[datetime | None] = []

    def __call__(self, seen: Snapshot[Track]) -> None:
        assert seen.value
        assert seen.version
        moved = rules.moved_on(seen.value, self.store.clock.now(), LONG)
        self.store.commit(Update(TRACKS, seen.id, moved, seen.version))
        self.woken.append(seen.id)
        self.wake_at.append(document(self.store, seen.id).wake_at)
        self.then(seen.id)

    def sweep(self, timing: Timing = SHORT) -> dict[str, int]:
        return sweep(self.store, TRACKS, self, timing)


def test_an_idle_pass_ends_at_once(store: FirestoreStore) -> None:
    due(store, by=90)
    begun = time.monotonic()
    assert Waker(store).sweep(LONG) == {"woken": 0, "failed": 0}
    assert time.monotonic() - begun < AT_ONCE


def test_what_is_due_is_woken_once_the_oldest_first(store: FirestoreStore) -> None:
    newer, older, later = due(store), due(store, by=-9), due(store, by=90)
    waker = Waker(store)
    begun = time.monotonic()
    assert waker.sweep(LONG) == {"woken": 2, "failed": 0}
    assert waker.sweep(LONG) == {"woken": 0, "failed": 0}
    assert time.monotonic() - begun < AT_ONCE
    assert waker.woken == [older, newer]
    assert document(store, later).wakes == 0


def test_what_falls_due_before_the_next_pass_is_waited_for(store: FirestoreStore) -> None:
    now, soon = due(store), due(store, by=PASS / 2)
    waker = Waker(store)
    begun = time.monotonic()
    assert waker.sweep() == {"woken": 2, "failed": 0}
    assert waker.woken == [now, soon]
    assert time.monotonic() - begun < AT_ONCE


def test_what_is_parked_meanwhile_is_noticed(store: FirestoreStore) -> None:
    first = due(store)
    soon = due(store, by=PASS * 0.9)
    found: list[str] = []

    def park(request_id: str) -> None:
        if request_id == first:
            found.append(due(store, by=0.1))

    waker = Waker(store, park)
    assert waker.sweep()["woken"] == 3
    assert waker.woken == [first, *found, soon]


def test_a_row_is_moved_on_before_it_is_woken(store: FirestoreStore) -> None:
    request_id = due(store)
    waker = Waker(store)
    waker.sweep()
    (wake_at,) = waker.wake_at
    assert wake_at
    assert wake_at > store.clock.now() + timedelta(seconds=60)
    assert document(store, request_id).wakes == 1


@pytest.mark.parametrize(
    "failure",
    [RetryableError("no", code="publish_failed"), RuntimeError("bug"), CommitUnclear("lost")],
    ids=["retryable", "bug", "unclear"],
)
def test_a_row_that_fails_stops_no_other_and_has_moved_on(
    store: FirestoreStore, failure: Exception
) -> None:
    poison, others = due(store, by=-9), [due(store, by=-5), due(store, by=-1)]

    def fail(request_id: str) -> None:
        if request_id == poison:
            raise failure

    waker = Waker(store, fail)
    assert waker.sweep() == {"woken": 2, "failed": 1}
    assert waker.woken == [poison, *others]
    assert document(store, poison).wakes == 1


def test_a_row_that_cannot_even_be_moved_on_stops_no_other(
    store: FirestoreStore, caplog: pytest.LogCaptureFixture
) -> None:
    poison, other = due(store, by=-9), due(store)
    waker = Waker(store)

    def wake(seen: Snapshot[Track]) -> None:
        if seen.id == poison:
            raise OverflowError("a broken rule")
        waker(seen)

    begun = time.monotonic()
    counts = sweep(store, TRACKS, wake, SHORT)
    assert (counts["woken"], waker.woken) == (1, [other])
    assert 1 <= counts["failed"] <= 31
    assert PASS <= time.monotonic() - begun < AT_ONCE
    assert "a broken rule" in caplog.text


def test_an_unreadable_row_stops_no_other(store: FirestoreStore) -> None:
    other = due(store)
    row = {"wake_at": store.clock.now() - timedelta(days=1), "request": 5}
    store._client.collection("tracks").document("broken").set(row)
    waker = Waker(store)
    waker.sweep()
    assert waker.woken == [other]


def test_two_passes_at_once_wake_each_row_once(store: FirestoreStore) -> None:
    rows = {due(store, by=-n) for n in range(1, 9)}
    wakers = [Waker(store), Waker(store)]
    threads = [threading.Thread(target=waker.sweep) for waker in wakers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    woken = [row for waker in wakers for row in waker.woken]
    assert sorted(woken) == sorted(rows)


def test_each_look_at_a_row_is_further_away(store: FirestoreStore) -> None:
    request_id = due(store)
    gaps = []
    for _ in range(4):
        before = store.clock.now()
        Waker(store).sweep()
        seen = store.get(TRACKS, request_id)
        assert seen.value
        assert seen.value.wake_at
        assert seen.version
        gaps.append(round((seen.value.wake_at - before).total_seconds(), -1))
        again = replace(seen.value, wake_at=before)
        store.commit(Update(TRACKS, request_id, again, seen.version))
    assert gaps == [90, 180, 360, 720]


def test_a_pass_ends_when_the_process_has_to(store: FirestoreStore) -> None:
    due(store, by=50)
    ending = threading.Timer(0.1, shutdown.begin)
    ending.start()
    begun = time.monotonic()
    assert Waker(store).sweep(LONG) == {"woken": 0, "failed": 0}
    assert time.monotonic() - begun < AT_ONCE
    ending.join()


def test_more_rows_than_one_query_gives_are_all_woken(
    store: FirestoreStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.sweep.BATCH", 3)
    rows = {due(store, by=-n) for n in range(1, 9)}
    waker = Waker(store)
    assert waker.sweep()["woken"] == 8
    assert set(waker.woken) == rows


def test_without_firestore_a_pass_says_so(project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    away = FirestoreStore(project, timeout=0.3)
    with pytest.raises(StoreUnavailable):
        sweep(away, TRACKS, lambda _: None, SHORT)
    away.close()
