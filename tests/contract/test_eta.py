"""Estimates over the real store: the line, the history, and a store that does not answer."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest
from werkzeug.test import TestResponse

from services.ingest.tracks import eta
from services.ingest.tracks.promises import Promises
from services.ingest.tracks.use_cases import Tracks
from shared.clock import seconds
from shared.endings import Ending, end
from shared.gcp.firestore import FirestoreStore
from shared.ports import Create
from shared.track import TRACKS, USAGE, Promise, Stage, Status, Track, UsageRow
from tests.support.api import GOOD, Api, failed
from tests.support.messages import completed_event
from tests.support.tracks import SOURCE, TIMING, Outbox, asked, new_track, stored_track
from tests.support.waiting import wait_for

QUOTA = 60
"""A token a second."""


@pytest.fixture
def store(project: str) -> Iterator[FirestoreStore]:
    with closing(FirestoreStore(project)) as made:
        yield made


def promises(store: FirestoreStore) -> Promises:
    return Promises(store, model="lyria-002", per_minute=QUOTA)


def track(store: FirestoreStore, track_id: str) -> Track:
    found = store.get(TRACKS, track_id).value
    assert found is not None
    return found


def told(body: dict[str, Any]) -> tuple[datetime, datetime]:
    p50, p90 = (datetime.fromisoformat(body["eta"][name]) for name in ("p50", "p90"))
    return p50, p90


def history(store: FirestoreStore, *, run: float, rows: int) -> None:
    """So many runs that have just ended, each *run* seconds after its call."""
    example = new_track(store)
    for number in range(rows):
        ended = example.created_at - seconds(number)
        row = UsageRow(
            request_id=f"r{number}",
            tenant="local",
            run=1,
            status=Status.COMPLETED,
            model="lyria-002",
            provider_calls=1,
            billed_usd=0.06,
            ended_at=ended,
            clips=1,
            queued_at=ended - seconds(run),
            started_at=ended - seconds(run),
            called_at=ended - seconds(run),
            reckoned=run,
        )
        store.commit(Create(USAGE, f"row-{number}", row))


def test_a_submit_is_promised_an_end_and_a_repeat_gets_the_same(public_api: Api) -> None:
    headers = {"Idempotency-Key": "eta-1"}
    first = public_api.client.post("/v1/tracks", json=GOOD, headers=headers)
    assert first.status_code == 202
    p50, p90 = told(first.json or {})
    assert datetime.fromisoformat(first.json["created_at"]) < p50 < p90  # type: ignore[index]
    assert first.json["estimated_completion"] == first.json["eta"]["p50"]  # type: ignore[index]
    public_api.accepted(duration_seconds=300)
    again = public_api.client.post("/v1/tracks", json=GOOD, headers=headers)
    assert again.data == first.data


def test_a_track_moves_up_in_the_line_and_is_told_until_it_has_ended(public_api: Api) -> None:
    others = public_api.store.count(TRACKS, {"status": Status.QUEUED})
    ids = [public_api.accepted() for _ in range(3)]

    def positions() -> list[Any]:
        return [public_api.state(one)["eta"]["queue_position"] for one in ids]

    wait_for(lambda: positions() == [others, others + 1, others + 2])
    public_api.change(ids[0], status=Status.RUNNING, stage=Stage.GENERATING)
    wait_for(lambda: positions() == [None, others, others + 1])
    public_api.end(ids[0], failed())
    assert public_api.state(ids[0])["eta"] is None


def test_an_estimate_never_lies_in_the_past(public_api: Api) -> None:
    request_id = public_api.accepted()
    long_ago = public_api.document(request_id).read_at - seconds(3600)
    overdue = Promise(position=0, reckoned=1, p50=long_ago, p90=long_ago + seconds(1))
    since = {"queued_at": long_ago, "promise": overdue}
    running = {"status": Status.RUNNING, "stage": Stage.MASTERING, "clips_left": 0}
    for fields in (since, {**since, **running, "started_at": long_ago, "called_at": long_ago}):
        public_api.change(request_id, **fields)
        p50, p90 = told(public_api.state(request_id))
        assert public_api.store.clock.now() < p50 < p90


def test_the_tag_of_a_track_is_not_moved_by_its_estimate(public_api: Api) -> None:
    path = f"/v1/tracks/{public_api.accepted()}"

    def get() -> TestResponse:
        return public_api.client.get(path)

    first = get()
    later = wait_for(
        lambda: [x for x in [get()] if x.get_json()["eta"] != first.get_json()["eta"]]
    )[0]
    assert later.headers["ETag"] == first.headers["ETag"]
    same = public_api.client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert same.status_code == 304


def test_a_retry_is_promised_anew(public_api: Api) -> None:
    request_id = public_api.accepted()
    public_api.end(request_id, failed())
    before = public_api.document(request_id).value
    again = public_api.client.post(f"/v1/tracks/{request_id}/retry").get_json()
    after = public_api.document(request_id).value
    assert before
    assert after
    assert after.promise
    assert before.promise == after.first_promise != after.promise
    assert told(again) == (after.promise.p50, after.promise.p90)


def test_the_line_and_the_quota_are_waited_for(store: FirestoreStore) -> None:
    history(store, run=2.0, rows=40)
    now = store.get(TRACKS, "clock").read_at
    depth = QUOTA / 5 - 1  # the bucket is full, and one is left to those in line
    alone = promises(store).promise(asked().request, now)
    assert alone.position == 0
    assert alone.reckoned == pytest.approx(2.0)
    for _ in range(20):
        stored_track(store, duration_seconds=60)
    crowded = promises(store).promise(asked().request, now)
    assert crowded.position == 20
    assert crowded.reckoned == pytest.approx(2.0 + 41 - depth)


def test_a_crowd_of_one_moment_is_promised_one_after_the_other(store: FirestoreStore) -> None:
    """The last look has not seen those that were promised since."""
    history(store, run=2.0, rows=40)
    now, crowd = store.get(TRACKS, "clock").read_at, promises(store)
    made = [crowd.promise(asked().request, now) for _ in range(30)]
    assert [one.position for one in made] == list(range(30))
    assert made[-1].reckoned == pytest.approx(2.0 + 30 - (QUOTA / 5 - 1))


def test_a_running_track_needs_tokens_only_for_what_it_has_not_called(
    store: FirestoreStore,
) -> None:
    stored_track(store, fields={"status": Status.RUNNING, "clips_left": 40}, duration_seconds=300)
    now = store.get(TRACKS, "clock").read_at
    promise = promises(store).promise(asked().request, now)
    assert promise.position == 0
    assert promise.reckoned == pytest.approx(30 + 41 - (QUOTA / 5 - 1))


def test_who_is_many_is_counted_and_the_rest_is_told_from_its_neighbours(
    store: FirestoreStore,
) -> None:
    start = new_track(store).created_at
    ids = [
        stored_track(store, fields={"queued_at": start + seconds(number)}) for number in range(60)
    ]
    asker = promises(store)
    told = [asker.of(track(store, one)) for one in ids]
    positions = [found.position for found in told if found and found.position is not None]
    assert len(positions) == 60
    assert all(abs(position - number) <= 10 for number, position in enumerate(positions))


def test_a_store_that_does_not_answer_costs_a_submit_neither_success_nor_time(
    project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    with closing(FirestoreStore(project, timeout=5.0)) as away:
        lost, now = promises(away), datetime.fromisoformat("2026-01-02T03:04:05+00:00")
        began = time.monotonic()
        made = [lost.promise(asked().request, now) for _ in range(5)]
        assert time.monotonic() - began < 4  # each look takes 5
        # Their repetitions use the random numbers that other tests must have to themselves.
        wait_for(lambda: not any(thread.name == "look" for thread in threading.enumerate()))
    assert made[0].reckoned == pytest.approx(30 + 1)
    assert [one.position for one in made] == list(range(5))


@pytest.mark.parametrize(("late", "kept"), [(-60.0, True), (60.0, False)])
def test_the_usage_row_tells_whether_the_promise_was_kept(
    store: FirestoreStore, late: float, kept: bool
) -> None:
    now = new_track(store).created_at
    promise = Promise(position=0, reckoned=9.0, p50=now - seconds(99), p90=now - seconds(late))
    track_id = stored_track(store, fields={"promise": promise})
    completed = Ending(Status.COMPLETED, result=completed_event().result[0])
    end(store, track_id, lambda *_: completed, nonce="n", source=SOURCE, timing=TIMING)
    (row,) = (seen.value for seen in store.find(USAGE, {"request_id": track_id}, limit=2))
    assert row
    assert (row.promise_kept, row.reckoned, row.clips) == (kept, 9.0, 1)


def test_no_promise_was_given_about_a_failure(store: FirestoreStore) -> None:
    now = new_track(store).created_at
    promise = Promise(position=0, reckoned=9.0, p50=now, p90=now + seconds(60))
    track_id = stored_track(store, fields={"promise": promise})
    end(store, track_id, lambda *_: failed(), nonce="n", source=SOURCE, timing=TIMING)
    (row,) = (seen.value for seen in store.find(USAGE, {"request_id": track_id}, limit=2))
    assert row
    assert row.promise_kept is None


def test_what_a_submit_was_promised_stays_in_its_document(store: FirestoreStore) -> None:
    tracks = Tracks(
        store=store, requests=Outbox(), events=Outbox(), progress=Outbox(), timing=TIMING
    )
    made, _ = tracks.submit(asked())
    kept = track(store, made.request_id)
    assert kept.promise == kept.first_promise == eta.prior(asked().request, made.created_at)
    assert kept.clips_left == 1
