import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest
from google.cloud.firestore import Client as Firestore

from services.ingest.live.hub import Deleted, Hub, Watch
from services.ingest.live.topics import State
from shared.errors import StoreUnavailable
from shared.gcp.firestore import FirestoreStore
from shared.ports import Collection, Snapshot, T, Update
from shared.track import TRACKS, Status, Track
from tests.support.tracks import stored_track
from tests.support.waiting import wait_for

HEARTBEAT = 0.5


class Breakable(FirestoreStore):
    """Firestore whose listeners can be made to fall silent, as they do by themselves."""

    def __init__(self, project: str) -> None:
        super().__init__(project)
        self.opened: list[Callable[[], None]] = []
        self.away = False
        self.refused = 0

    def get(self, collection: Collection[T], doc_id: str) -> Snapshot[T]:
        if self.away:
            self.refused += 1
            raise StoreUnavailable("away")
        return super().get(collection, doc_id)

    def watch(
        self, collection: Collection[T], doc_id: str, tell: Callable[[Snapshot[T]], None]
    ) -> Callable[[], None]:
        close = super().watch(collection, doc_id, tell)
        self.opened.append(close)
        return close


@pytest.fixture
def store(project: str) -> Iterator[Breakable]:
    with closing(Breakable(project)) as opened:
        yield opened


def change(store: FirestoreStore, track_id: str, **fields: object) -> None:
    seen = store.get(TRACKS, track_id)
    assert seen.value
    assert seen.version
    store.commit(Update(TRACKS, track_id, replace(seen.value, **fields), seen.version))  # type: ignore[arg-type]


def awaited(watch: Watch, wanted: Callable[[Track], bool], seconds: float = 20) -> State:
    """The first state that is *wanted*."""

    def look() -> State | None:
        state = watch.next(1)
        return state if state and wanted(state.track) else None

    state = wait_for(look, seconds)
    assert state is not None
    return state


def test_watchers_of_a_track_share_one_listener(store: Breakable) -> None:
    hub = Hub(store)
    track_id = stored_track(store)
    with ExitStack() as stack:
        watches = [stack.enter_context(hub.watch(store.get(TRACKS, track_id))) for _ in range(5)]
        assert (hub.listeners, len(store.opened)) == (1, 1)
        change(store, track_id, progress=0.5)
        states = [awaited(watch, lambda track: track.progress == 0.5) for watch in watches]
        assert len({id(state) for state in states}) == 1
    assert hub.listeners == 0
    with hub.watch(store.get(TRACKS, track_id)):
        assert (hub.listeners, len(store.opened)) == (1, 2)
    assert hub.listeners == 0


def test_many_come_and_go_and_nothing_listens_in_the_end(store: Breakable) -> None:
    hub = Hub(store)
    ids = [stored_track(store) for _ in range(3)]
    before = threading.active_count()

    def come_and_go(number: int) -> None:
        for turn in range(4):
            with hub.watch(store.get(TRACKS, ids[(number + turn) % 3])) as watch:
                assert watch.next(20)

    threads = [threading.Thread(target=come_and_go, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert hub.listeners == 0
    assert len(store.opened) >= 3
    wait_for(lambda: threading.active_count() <= before, 30)


def test_a_silent_listener_costs_a_heartbeat_and_is_replaced(store: Breakable) -> None:
    hub = Hub(store, heartbeat=HEARTBEAT)
    track_id = stored_track(store)
    with hub.watch(store.get(TRACKS, track_id)) as watch:
        store.opened[0]()
        change(store, track_id, progress=0.5)
        awaited(watch, lambda track: track.progress == 0.5)
        assert len(store.opened) == 2
        assert hub.listeners == 1
        change(store, track_id, status=Status.FAILED)
        awaited(watch, lambda track: track.status.ended)
    assert hub.listeners == 0


def test_while_firestore_is_away_nothing_listens_and_then_it_does_again(store: Breakable) -> None:
    hub = Hub(store, heartbeat=HEARTBEAT)
    track_id = stored_track(store)
    with hub.watch(store.get(TRACKS, track_id)) as watch:
        assert watch.next(20)
        store.away = True
        wait_for(lambda: watch.next(0.1) is None and hub.listeners == 0)
        store.away = False
        wait_for(lambda: watch.next(0.1) is None and hub.listeners == 1)
        change(store, track_id, status=Status.FAILED)
        awaited(watch, lambda track: track.status.ended)
    assert hub.listeners == 0
    assert store.refused


def test_beyond_the_listeners_tracks_are_read(store: Breakable) -> None:
    hub = Hub(store, heartbeat=HEARTBEAT, most=1)
    first, second = stored_track(store), stored_track(store)
    with hub.watch(store.get(TRACKS, second)) as read:
        with hub.watch(store.get(TRACKS, first)):
            pass
        assert len(store.opened) == 1
        with ExitStack() as stack:
            told = stack.enter_context(hub.watch(store.get(TRACKS, first)))
            assert hub.listeners == 1
            for track_id, watch in ((first, told), (second, read)):
                change(store, track_id, status=Status.FAILED)
                awaited(watch, lambda track: track.status.ended)
    assert hub.listeners == 0


def test_an_ended_track_needs_no_listener(store: Breakable) -> None:
    hub = Hub(store)
    track_id = stored_track(store, fields={"status": Status.FAILED})
    with hub.watch(store.get(TRACKS, track_id)) as watch:
        state = watch.next(20)
        assert state
        assert state.track.status.ended
    assert store.opened == []


def test_who_comes_with_something_newer_tells_the_others(store: Breakable) -> None:
    hub = Hub(store)
    track_id = stored_track(store)
    with hub.watch(store.get(TRACKS, track_id)) as first:
        assert first.next(20)
        store.opened[0]()
        older = store.get(TRACKS, track_id)
        change(store, track_id, progress=0.5)
        with hub.watch(store.get(TRACKS, track_id)), hub.watch(older) as third:
            for watch in (first, third):
                state = watch.next(20)
                assert state
                assert state.track.progress == 0.5


def test_a_track_that_is_deleted_is_over(store: Breakable, project: str) -> None:
    hub = Hub(store, heartbeat=HEARTBEAT)
    track_id = stored_track(store)
    with hub.watch(store.get(TRACKS, track_id)) as watch, closing(Firestore(project)) as rows:
        assert watch.next(20)
        rows.collection("tracks").document(track_id).delete()
        with pytest.raises(Deleted):
            wait_for(lambda: watch.next(1) is not None and False)
    assert hub.listeners == 0


def test_a_wake_is_answered_once(store: Breakable) -> None:
    hub = Hub(store)
    with hub.watch(store.get(TRACKS, stored_track(store))) as watch:
        assert watch.next(20)
        waker = threading.Timer(0.2, watch.wake)
        waker.start()
        begun = time.monotonic()
        assert watch.next(20) is None
        assert time.monotonic() - begun < 15
        waker.join()
        begun = time.monotonic()
        assert watch.next(0.3) is None
        assert time.monotonic() - begun >= 0.3


@pytest.mark.parametrize("listeners", [0, 64])
def test_nobody_sees_what_is_left_of_an_erased_track(store: Breakable, listeners: int) -> None:
    track_id = stored_track(store)
    hub = Hub(store, heartbeat=HEARTBEAT, most=listeners)
    with hub.watch(store.get(TRACKS, track_id)) as watch:
        assert watch.next(5)
        change(store, track_id, status=Status.CANCELLED, erased=True)
        with pytest.raises(Deleted):
            awaited(watch, lambda track: track.erased)


def test_a_listener_that_cannot_be_opened_takes_no_place(
    store: Breakable, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, seen = Hub(store, most=1), store.get(TRACKS, stored_track(store))

    def broken(*_: object) -> None:
        raise RuntimeError("no more threads")

    with monkeypatch.context() as patch:
        patch.setattr(store, "watch", broken)
        with pytest.raises(RuntimeError), hub.watch(seen):
            pass
    with hub.watch(seen):
        assert hub.listeners == len(store.opened) == 1
