from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import CommitUnclear, StoreUnavailable
from shared.gcp.firestore import FirestoreStore
from shared.ports import Create, Update
from shared.track import TRACKS, USAGE, Status, UsageRow
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


def test_no_answer_is_said_as_such(monkeypatch: pytest.MonkeyPatch, project: str) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    away = FirestoreStore(project, timeout=0.5)
    try:
        with pytest.raises(StoreUnavailable):
            away.get(TRACKS, "x")
        with pytest.raises(CommitUnclear):
            away.commit(Create(USAGE, "x", usage("x", _clocked(away))))
    finally:
        away.close()


def _clocked(store: FirestoreStore) -> FirestoreStore:
    from datetime import UTC, datetime

    store.clock.see(datetime.now(UTC))
    return store
