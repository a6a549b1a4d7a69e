import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

import pytest

from services.ingest.tracks.asked import NotRetryable
from services.ingest.tracks.use_cases import Tracks
from shared.cures import failure
from shared.endings import Ending, announce, end
from shared.errors import Code, RetryableError
from shared.gcp.firestore import FirestoreStore
from shared.messages import decode_event
from shared.ports import Create
from shared.track import TRACKS, USAGE, Status, Track
from tests.support.tracks import SOURCE, TIMING, Outbox, asked, stored_track


@pytest.fixture
def store(project: str) -> Iterator[FirestoreStore]:
    store = FirestoreStore(project)
    yield store
    store.close()


def finish(store: FirestoreStore, request_id: str, ending: Ending) -> Status | None:
    def judge(_track: Track, _now: datetime) -> Ending:
        return ending

    nonce = uuid.uuid4().hex
    return end(store, request_id, judge, nonce=nonce, source=SOURCE, timing=TIMING)


def document(store: FirestoreStore, request_id: str) -> Track:
    track = store.get(TRACKS, request_id).value
    assert track is not None
    return track


def failed() -> Ending:
    return Ending(Status.FAILED, error=failure(Code.MODEL_REJECTED, "no"))


def test_an_ending_is_state_usage_row_and_announcement_in_one(store: FirestoreStore) -> None:
    request_id = stored_track(store, callback_url="https://x.example/h", metadata={"k": "v"})
    assert finish(store, request_id, failed()) == Status.FAILED
    track = document(store, request_id)
    (announcement,) = track.announcements
    event = decode_event(announcement.data)
    assert (event.type, event.event_id) == ("track.failed.v1", f"{request_id}:1:failed")
    assert event.error[0].code == "model_rejected"
    assert event.metadata == {"k": "v"}
    assert store.get(USAGE, track.usage_id()).value is not None
    assert track.wake_at is not None
    assert track.expire_at is not None


def test_fifty_endings_at_once_leave_one(store: FirestoreStore) -> None:
    request_id = stored_track(store)
    gate = threading.Barrier(10)

    def one(k: int) -> Status | None:
        gate.wait()
        return finish(store, request_id, Ending(Status.CANCELLED) if k % 2 else failed())

    with ThreadPoolExecutor(10) as pool:
        won = [status for status in pool.map(one, range(10)) if status]
    track = document(store, request_id)
    assert won == [track.status]
    assert len(track.announcements) == 1


def test_announcing_settles_a_track_without_callback(store: FirestoreStore) -> None:
    request_id = stored_track(store)
    finish(store, request_id, failed())
    outbox = Outbox()
    announce(store, outbox, request_id)
    announce(store, outbox, request_id, again=True)
    track = document(store, request_id)
    assert [attributes["ce-type"] for _, attributes in outbox.sent] == ["track.failed.v1"]
    assert track.wake_at is None


def test_a_callback_keeps_the_track_awake_until_it_is_recorded(store: FirestoreStore) -> None:
    request_id = stored_track(store, callback_url="https://x.example/h")
    finish(store, request_id, failed())
    outbox = Outbox()
    announce(store, outbox, request_id)
    assert document(store, request_id).wake_at is not None
    announce(store, outbox, request_id, again=True)
    assert outbox.sent[0] == outbox.sent[1]


class Broken(Outbox):
    def publish(self, message: object, attributes: object) -> None:
        raise RetryableError("no", code="publish_failed")


def test_a_failed_publish_leaves_the_announcement_for_the_sweeper(store: FirestoreStore) -> None:
    request_id = stored_track(store)
    finish(store, request_id, failed())
    announce(store, Broken(), request_id)
    track = document(store, request_id)
    assert not track.announcements[0].published
    assert track.wake_at is not None


def tracks(store: FirestoreStore) -> tuple[Tracks, Outbox, Outbox]:
    requests, events = Outbox(), Outbox()
    use_cases = Tracks(
        store=store, requests=requests, events=events, progress=Outbox(), timing=TIMING
    )
    return use_cases, requests, events


def test_forty_submits_with_one_key_make_one_track(store: FirestoreStore) -> None:
    use_cases, requests, _ = tracks(store)
    gate = threading.Barrier(40)

    def one(_: int) -> tuple[str, bool]:
        gate.wait()
        track, replayed = use_cases.submit(asked(key="k1"))
        return track.request_id, replayed

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(one, range(40)))
    assert len({request_id for request_id, _ in answers}) == 1
    assert sum(not replayed for _, replayed in answers) <= 1
    assert len(requests.sent) <= 1


def test_a_submit_that_is_not_published_is_accepted(store: FirestoreStore) -> None:
    use_cases = Tracks(
        store=store, requests=Broken(), events=Outbox(), progress=Outbox(), timing=TIMING
    )
    track, _ = use_cases.submit(asked())
    assert document(store, track.request_id).wake_at is not None


def test_retry_runs_a_failed_track_again_once(store: FirestoreStore) -> None:
    use_cases, requests, _ = tracks(store)
    request_id = stored_track(store)
    with pytest.raises(NotRetryable):
        use_cases.retry("local", request_id)
    finish(store, request_id, failed())
    gate = threading.Barrier(8)

    def one(_: int) -> str:
        gate.wait()
        try:
            return str(use_cases.retry("local", request_id).run)
        except NotRetryable:
            return "refused"

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(one, range(8)))
    assert answers == ["2"] + ["refused"] * 7
    track = document(store, request_id)
    assert (track.run, track.status, track.error) == (2, Status.QUEUED, None)
    assert [a.published for a in track.announcements] == [False]
    assert len(requests.sent) == 1


def test_cancel_has_three_answers_for_what_exists(store: FirestoreStore) -> None:
    use_cases, _, events = tracks(store)
    free = stored_track(store)
    assert use_cases.cancel("local", free) == "cancelled"
    assert use_cases.cancel("local", free) == "already_finished"
    assert [a["ce-type"] for _, a in events.sent] == ["track.cancelled.v1"]
    now = store.clock.now()
    held = replace(
        document(store, free),
        request_id="0" * 8,
        status=Status.RUNNING,
        announcements=(),
        holder="x",
        lease_expires_at=now.replace(year=now.year + 1),
    )
    store.commit(Create(TRACKS, held.request_id, held))
    assert use_cases.cancel("local", held.request_id) == "cancelling"
    assert use_cases.cancel("local", held.request_id) == "cancelling"
    assert document(store, held.request_id).cancel_requested


def test_one_waiter_too_many_gets_an_answer_at_once(store: FirestoreStore) -> None:
    use_cases = Tracks(
        store=store,
        requests=Outbox(),
        events=Outbox(),
        progress=Outbox(),
        timing=TIMING,
        waiters=0,
    )
    request_id = stored_track(store)
    began = time.monotonic()
    assert use_cases.wait("local", request_id, 30).value is not None
    assert time.monotonic() - began < 10


def test_a_track_whose_endings_nobody_was_told_of_runs_again_later(store: FirestoreStore) -> None:
    """A document ends at 1 MiB: one that is too long could neither run nor end any more."""
    outbox = Outbox()
    tracks = Tracks(store=store, requests=outbox, events=outbox, progress=outbox, timing=TIMING)
    metadata = {f"k{number}": "\N{GRINNING FACE}" * 480 for number in range(16)}
    request_id = stored_track(store, metadata=metadata, callback_url="https://example.com/hook")
    error = failure(Code.INTERNAL, "")
    with suppress(RetryableError):
        while finish(store, request_id, Ending(Status.FAILED, error=error)):
            tracks.retry("local", request_id)
    left = document(store, request_id)
    assert left.status is Status.FAILED, "it has ended, as every run must be able to"
    assert left.run > 10
