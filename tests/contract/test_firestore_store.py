from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from queue import Empty, Queue

import pytest

from shared.errors import CommitUnclear, StoreUnavailable
from shared.gcp.firestore import FirestoreStore
from shared.ports import Create, Delete, Snapshot, Update
from shared.track import TRACKS, USAGE, Status, Track, UsageRow
from shared.webhooks import DELIVERIES
from tests.support.deliveries import delivery
from tests.support.tracks import new_track


@pytest.fixture
def store(project: str) -> Iterator[FirestoreStore]:
    store = FirestoreStore(project)
    yield store
    store.close()


def usage(request_id: str, store: FirestoreStore) -> UsageRow:
    return UsageRow(
        request_id=request_id,
        tenant="local",
        run=1,
        status=Status.FAILED,
        model="lyria-002",
        provider_calls=2,
        billed_usd=0.0,
        ended_at=store.clock.now(),
    )


def test_a_document_comes_back_as_it_went(store: FirestoreStore) -> None:
    track = new_track(store, metadata={"a.b": "c"}, loudness_lufs=())
    store.commit(Create(TRACKS, track.request_id, track))
    seen = store.get(TRACKS, track.request_id)
    assert seen.value == track
    assert seen.version is not None


def test_absence_has_a_read_time(store: FirestoreStore) -> None:
    seen = store.get(TRACKS, "absent")
    assert (seen.value, seen.version) == (None, None)
    assert abs(store.clock.now() - seen.read_at) < timedelta(seconds=5)


def test_create_refuses_what_exists(store: FirestoreStore) -> None:
    track = new_track(store)
    store.commit(Create(TRACKS, track.request_id, track))
    with pytest.raises(CommitUnclear):
        store.commit(Create(TRACKS, track.request_id, track))


def test_update_refuses_another_version(store: FirestoreStore) -> None:
    track = new_track(store)
    store.commit(Create(TRACKS, track.request_id, track))
    seen = store.get(TRACKS, track.request_id)
    assert seen.version
    store.commit(Update(TRACKS, seen.id, replace(track, attempts=1), seen.version))
    with pytest.raises(CommitUnclear):
        store.commit(Update(TRACKS, seen.id, replace(track, attempts=2), seen.version))
    after = store.get(TRACKS, seen.id).value
    assert after is not None
    assert after.attempts == 1


def test_delete_refuses_another_version_and_what_is_gone(store: FirestoreStore) -> None:
    track = new_track(store)
    first = store.commit(Create(TRACKS, track.request_id, track))
    second = store.commit(Update(TRACKS, track.request_id, replace(track, attempts=1), first))
    with pytest.raises(CommitUnclear):
        store.commit(Delete(TRACKS, track.request_id, first))
    assert store.get(TRACKS, track.request_id).value is not None
    store.commit(Delete(TRACKS, track.request_id, second))
    assert store.get(TRACKS, track.request_id).version is None
    with pytest.raises(CommitUnclear):
        store.commit(Delete(TRACKS, track.request_id, second))


def test_a_commit_is_all_or_nothing(store: FirestoreStore) -> None:
    track = new_track(store)
    store.commit(Create(TRACKS, track.request_id, track))
    row = usage(track.request_id, store)
    store.commit(Create(USAGE, f"{track.request_id}-1", row))
    seen = store.get(TRACKS, track.request_id)
    assert seen.version
    with pytest.raises(CommitUnclear):
        store.commit(
            Update(TRACKS, seen.id, replace(track, attempts=9), seen.version),
            Create(USAGE, f"{track.request_id}-1", row),
        )
    assert store.get(TRACKS, seen.id).value == track


def test_fields_that_vanish_are_gone(store: FirestoreStore) -> None:
    track = replace(new_track(store, metadata={"a": "1", "b": "2"}), holder="x")
    store.commit(Create(TRACKS, track.request_id, track))
    seen = store.get(TRACKS, track.request_id)
    assert seen.version
    less = replace(track, holder="", request=track.request.model_copy(update={"metadata": {}}))
    store.commit(Update(TRACKS, seen.id, less, seen.version))
    assert store.get(TRACKS, seen.id).value == less


def test_due_gives_the_oldest_first_and_nothing_later(store: FirestoreStore) -> None:
    tracks = [new_track(store) for _ in range(4)]
    now = store.clock.now()
    wake = [now - timedelta(seconds=5), now - timedelta(seconds=9), now + timedelta(hours=1), None]
    for track, at in zip(tracks, wake, strict=True):
        store.commit(Create(TRACKS, track.request_id, replace(track, wake_at=at)))
    ids = [seen.id for seen in store.due(TRACKS, now, 10)]
    assert ids == [tracks[1].request_id, tracks[0].request_id]
    assert [s.id for s in store.due(TRACKS, now, 1)] == ids[:1]


def test_one_unreadable_row_does_not_hide_the_others(
    store: FirestoreStore, caplog: pytest.LogCaptureFixture
) -> None:
    track = new_track(store)
    now = store.clock.now()
    store.commit(Create(TRACKS, track.request_id, replace(track, wake_at=now)))
    store._client.collection("tracks").document("broken").set({"wake_at": now, "request": 5})
    assert [seen.id for seen in store.due(TRACKS, now, 10)] == [track.request_id]
    assert "unreadable document" in caplog.text


LATER = timedelta(seconds=1)


def queued(store: FirestoreStore, tenant: str, at: datetime, doc_id: str) -> None:
    track = replace(new_track(store), tenant=tenant, created_at=at)
    store.commit(Create(TRACKS, doc_id, track))


def ids(found: Sequence[Snapshot[Track]]) -> list[str]:
    return [seen.id for seen in found]


def test_find_gives_what_is_equal_in_the_order_of_time_and_id(store: FirestoreStore) -> None:
    start = new_track(store).created_at
    for tenant, seconds, doc_id in [
        *(("a", 2, "late"), ("a", 0, "y"), ("b", 1, "foreign"), ("a", 0, "x"), ("a", 1, "next")),
    ]:
        queued(store, tenant, start + seconds * LATER, doc_id)
    mine = partial(store.find, TRACKS, {"tenant": "a"}, order="created_at")
    assert ids(mine(limit=9)) == ["x", "y", "next", "late"]
    assert ids(mine(limit=2)) == ["x", "y"]
    assert ids(mine(limit=9, after=(start, "x"))) == ["y", "next", "late"]
    assert ids(mine(limit=9, after=(start + LATER, "-"))) == ["next", "late"]
    assert ids(mine(limit=9, after=(start + 2 * LATER, "late"))) == []
    assert sorted(ids(store.find(TRACKS, {"tenant": "a", "run": 1}, limit=9))) == [
        *("late", "next", "x", "y"),
    ]
    assert ids(store.find(TRACKS, {"tenant": "a", "run": 2}, limit=9)) == []


def test_find_begins_with_the_newest_when_told_so(store: FirestoreStore) -> None:
    start = new_track(store).created_at
    for seconds, doc_id in [(2, "late"), (0, "y"), (0, "x"), (1, "next")]:
        queued(store, "a", start + seconds * LATER, doc_id)
    mine = partial(store.find, TRACKS, {"tenant": "a"}, order="created_at", newest=True)
    assert ids(mine(limit=9)) == ["late", "next", "y", "x"]
    assert ids(mine(limit=9, after=(start + LATER, "next"))) == ["y", "x"]
    assert ids(mine(limit=9, after=(start, "y"))) == ["x"]


def test_counts_and_sums_take_one_value_or_one_of_several(store: FirestoreStore) -> None:
    start = new_track(store).created_at
    for number, tenant in enumerate("aab"):
        queued(store, tenant, start + number * LATER, str(number))
    assert store.count(TRACKS, {"tenant": "a"}) == 2
    assert store.count(TRACKS, {"tenant": ("a", "b"), "status": "queued"}) == 3
    assert store.count(TRACKS, {"tenant": ("a", "b")}, before=("created_at", start + LATER)) == 1
    assert store.count(TRACKS, {"tenant": "nobody"}) == 0
    assert store.total(TRACKS, "run", {"tenant": "a"}) == 2
    assert store.total(TRACKS, "run", {"tenant": "nobody"}) == 0


def test_a_listener_tells_every_version_until_it_is_closed(store: FirestoreStore) -> None:
    track = new_track(store)
    told: Queue[Snapshot[Track]] = Queue()
    store.commit(Create(TRACKS, track.request_id, track))
    close = store.watch(TRACKS, track.request_id, told.put)
    try:
        created = told.get(timeout=10)
        assert (created.id, created.value) == (track.request_id, track)
        assert created.version
        changed = replace(track, progress=0.5)
        store.commit(Update(TRACKS, track.request_id, changed, created.version))
        assert told.get(timeout=10).value == changed
    finally:
        close()
    seen = store.get(TRACKS, track.request_id)
    assert seen.version
    store.commit(Update(TRACKS, seen.id, track, seen.version))
    with pytest.raises(Empty):
        told.get(timeout=0.5)


def test_find_tells_time_of_its_own(store: FirestoreStore) -> None:
    queued(store, "a", new_track(store).created_at, "x")
    (seen,) = store.find(TRACKS, {"tenant": "a"}, limit=1)
    assert seen.version is not None
    assert abs(seen.read_at - datetime.now(UTC)) < timedelta(seconds=5)
    assert store.get(TRACKS, "x").value == seen.value


def test_unreadable_rows_take_no_place_of_others(
    store: FirestoreStore, caplog: pytest.LogCaptureFixture
) -> None:
    start = new_track(store).created_at
    for number in range(3):
        queued(store, "a", start + number * LATER, f"row-{number}")
        broken = {"tenant": "a", "created_at": start + number * LATER, "request": 5}
        store._client.collection("tracks").document(f"broken-{number}").set(broken)
    found = store.find(TRACKS, {"tenant": "a"}, order="created_at", limit=2)
    assert ids(found) == ["row-0", "row-1"]
    after = (start + LATER, "row-1")
    found = store.find(TRACKS, {"tenant": "a"}, order="created_at", after=after, limit=2)
    assert ids(found) == ["row-2"]
    assert "unreadable document" in caplog.text


def test_the_store_alone_says_when_a_row_was_recorded(store: FirestoreStore) -> None:
    long_ago = new_track(store).created_at - timedelta(days=1)
    row = delivery("local", at=long_ago)
    store.commit(Create(DELIVERIES, row.webhook_id, replace(row, recorded_at=long_ago)))
    seen = store.get(DELIVERIES, row.webhook_id)
    assert seen.value
    assert seen.version
    recorded = seen.value.recorded_at
    assert recorded is not None
    assert timedelta() <= seen.version - recorded < timedelta(seconds=1)
    store.commit(Update(DELIVERIES, seen.id, replace(row, wakes=1), seen.version))
    after = store.get(DELIVERIES, row.webhook_id).value
    assert after
    assert (after.wakes, after.recorded_at) == (1, recorded)


def test_the_stores_times_are_told_apart(store: FirestoreStore) -> None:
    at = new_track(store).created_at
    rows = [delivery("local", at=at) for _ in range(20)]
    for row in rows:
        store.commit(Create(DELIVERIES, row.webhook_id, row))
    every = partial(store.find, DELIVERIES, {"tenant": "local"}, order="recorded_at", limit=1)
    found, after = [], (at, "0")
    while page := every(after=after):
        (seen,) = page
        assert seen.value
        assert seen.value.recorded_at
        found.append(seen.id)
        after = (datetime.fromisoformat(seen.value.recorded_at.isoformat()), seen.id)
        assert len(found) <= len(rows)
    assert sorted(found) == sorted(row.webhook_id for row in rows)


def test_no_answer_is_said_as_such(monkeypatch: pytest.MonkeyPatch, project: str) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    away = FirestoreStore(project, timeout=0.5)
    try:
        with pytest.raises(StoreUnavailable):
            away.get(TRACKS, "x")
        with pytest.raises(StoreUnavailable):
            away.find(TRACKS, {"tenant": "a"}, limit=1)
        with pytest.raises(StoreUnavailable):
            away.count(TRACKS, {"tenant": "a"})
        with pytest.raises(CommitUnclear):
            away.commit(Create(USAGE, "x", usage("x", _clocked(away))))
    finally:
        away.close()


def _clocked(store: FirestoreStore) -> FirestoreStore:
    store.clock.see(datetime.now(UTC))
    return store
