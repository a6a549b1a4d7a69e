"""Documents and messages keep the trace of the submit, whoever writes or repeats them."""

from typing import Any

import pytest
from google.cloud.firestore import DELETE_FIELD

from services.ingest.tracks.use_cases import Tracks
from services.notifier.record import Recorder
from shared import tracing
from shared.messages import decode_event
from shared.ports import Snapshot
from shared.track import TRACKS, Track
from shared.webhooks import DELIVERIES, Delivery
from tests.support.bench import Bench, Script, tone
from tests.support.tracks import TIMING, Outbox, asked

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SUBMIT = f"00-{TRACE}-00f067aa0ba902b7-01"
LATER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
HOOK = "http://127.0.0.1:9/hook"

pytestmark = pytest.mark.emulators


class Desk:
    """The use cases of ingest on a bench, with what they publish."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.requests, self.events, self.progress = Outbox(), Outbox(), Outbox()
        self.tracks = Tracks(
            store=bench.store,
            requests=self.requests,
            events=self.events,
            progress=self.progress,
            timing=TIMING,
        )

    def submit(self, **changes: Any) -> Track:
        with tracing.request(tracing.sent(SUBMIT), "POST /v1/tracks"):
            track, _ = self.tracks.submit(asked(**changes))
        return track

    def record(self, track: Track) -> Snapshot[Delivery]:
        (announcement,) = track.announcements
        recorder = Recorder(store=self.bench.store, public_url="http://x")
        made = recorder.record(decode_event(announcement.data))
        assert made is not None
        return made


@pytest.fixture
def desk(bench: Bench) -> Desk:
    return Desk(bench)


def carried(outbox: Outbox) -> list[str]:
    """What each message carries, oldest first."""
    return [attributes.get(tracing.ATTRIBUTE, "") for _, attributes in outbox.sent]


def test_track_and_messages_of_a_submit_carry_its_trace(desk: Desk) -> None:
    track = desk.submit(callback_url=HOOK, callback_events=("track.queued",))

    assert desk.bench.track(track.request_id).traceparent == SUBMIT
    assert carried(desk.requests) == carried(desk.progress) == [SUBMIT]


def test_what_the_sweeper_repeats_carries_the_trace_of_the_submit(desk: Desk) -> None:
    track = desk.submit()
    sweeper = desk.bench.sweeper(desk.bench.generator(Script(RuntimeError("not asked"))))

    with tracing.request(tracing.sent(LATER)):
        sweeper.wake(desk.bench.store.get(TRACKS, track.request_id))

    assert carried(desk.bench.requests) == [SUBMIT]


def test_an_ending_and_its_webhook_carry_the_trace_of_the_submit(desk: Desk) -> None:
    track = desk.submit(duration_seconds=1, callback_url=HOOK)
    pushed = f"00-{TRACE}-1111111111111111-01"
    with tracing.request(tracing.sent(pushed)):
        made = desk.bench.push(desk.bench.generator(Script(tone(33))), track.request_id)

    assert made.status == "completed"
    assert carried(desk.bench.events) == [pushed]
    with tracing.request(tracing.sent(LATER)):
        row = desk.record(made)
    assert row.value is not None
    assert row.value.traceparent == pushed


def test_a_cancel_from_elsewhere_is_announced_in_the_trace_of_the_submit(desk: Desk) -> None:
    track = desk.submit()

    with tracing.request(tracing.sent(LATER)):
        assert desk.tracks.cancel("local", track.request_id) == "cancelled"

    assert carried(desk.events) == [SUBMIT]


def test_a_retry_begins_a_trace_and_leaves_earlier_endings_theirs(desk: Desk) -> None:
    track = desk.submit()
    generator = desk.bench.generator(Script(RuntimeError("not asked")))
    desk.bench.change(track.request_id, deadline=track.created_at)
    desk.bench.push(generator, track.request_id)
    assert carried(desk.bench.events) == [SUBMIT]

    with tracing.request(tracing.sent(LATER)):
        again = desk.tracks.retry("local", track.request_id)

    assert again.traceparent == LATER
    assert carried(desk.requests) == [SUBMIT, LATER]


def test_rows_from_before_traces_were_kept_are_read(desk: Desk) -> None:
    track = desk.submit(callback_url=HOOK)
    desk.tracks.cancel("local", track.request_id)
    row = desk.record(desk.bench.track(track.request_id))
    for collection, doc_id in ((TRACKS.name, track.request_id), (DELIVERIES.name, row.id)):
        client = desk.bench.store._client
        client.collection(collection).document(doc_id).update({"traceparent": DELETE_FIELD})

    assert desk.bench.track(track.request_id).traceparent == ""
    delivery = desk.bench.store.get(DELIVERIES, row.id).value
    assert delivery is not None
    assert delivery.traceparent == ""
