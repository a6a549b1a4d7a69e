import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud import firestore
from standardwebhooks import Webhook

from deploy.local.http import Request, Response, Server
from services.notifier import signing
from services.notifier.app import create_app
from services.notifier.config import Settings
from services.notifier.delivery import Answer
from services.notifier.egress import Egress
from services.notifier.handler import Notifier
from services.notifier.sender import Sender
from services.notifier.sweeper import DeliverySweeper
from shared import rules, shutdown
from shared.cures import failure
from shared.endings import Ending, end, note
from shared.errors import Code, CommitUnclear, Malformed, RetryableError
from shared.events import Delivery as Push
from shared.gcp.firestore import FirestoreStore
from shared.messages import decode_event, encode
from shared.ports import Create, Update
from shared.timing import Timing
from shared.track import DELIVERIES, TRACKS, Delivery, Status, Track
from tests.support import issuer, pushes
from tests.support.tracks import SOURCE, stored_track

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TIMING = Timing().scaled(0.05)
BRIEF = Timing().scaled(0.01)
"""Leases of 0.3 s, for attempts that are to lose theirs."""
SCALE = 0.01
"""The 5 s gap becomes 0.05 s, a minute 0.6 s."""


class Receiver:
    """A customer's server: answers in the order of ``statuses``, the last one for ever."""

    def __init__(self) -> None:
        self.statuses = [200]
        self.posts: list[Request] = []
        self.on_post: Callable[[], None] = lambda: None
        self.server = Server(self._answer)
        self.origin = self.server.url

    def _answer(self, request: Request) -> Response:
        Webhook(SECRET).verify(request.body.decode(), dict(request.headers.items()))
        self.posts.append(request)
        self.on_post()
        return Response(self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0])

    def ids(self) -> set[str | None]:
        return {post.headers["webhook-id"] for post in self.posts}

    def bodies(self) -> set[bytes]:
        return {post.body for post in self.posts}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    with receiver.server:
        yield receiver


@pytest.fixture
def store(project: str) -> Iterator[FirestoreStore]:
    store = FirestoreStore(project)
    yield store
    store.close()


@pytest.fixture(autouse=True)
def _running() -> Iterator[None]:
    yield
    shutdown.reset()


class Stack:
    """One process of the notifier."""

    def __init__(
        self,
        store: FirestoreStore,
        origin: str,
        *,
        scale: float = SCALE,
        timing: Timing = TIMING,
        timeout: float = TIMING.webhook_attempt,
    ) -> None:
        self.store = store
        self.egress = Egress(allowed=frozenset({origin}), seconds=timeout)
        self.sender = Sender(
            store=store,
            egress=self.egress,
            keys=signing.keys(SECRET),
            timing=timing,
            scale=scale,
            jitter=lambda: 0.5,
        )
        self.notifier = Notifier(
            store=store, sender=self.sender, public_url="https://api.example", scale=scale
        )
        self.sweeper = DeliverySweeper(store=store, sender=self.sender, timing=timing)

    def row(self, event_id: str) -> Delivery:
        row = self.store.get(DELIVERIES, event_id).value
        assert row is not None
        return row

    def take(self, event_id: str, holder: str) -> Delivery:
        """Start an attempt, as a process that may not live to end it."""
        taken = self.sender._take(self.store.get(DELIVERIES, event_id), holder)
        assert taken is not None
        assert taken.holder == holder
        return taken

    def until_due(self, event_id: str) -> None:
        at = self.row(event_id).wake_at
        assert at is not None
        while self.store.clock.now() < at:
            time.sleep(0.01)


@pytest.fixture
def stack(store: FirestoreStore, receiver: Receiver) -> Stack:
    return Stack(store, receiver.origin)


@pytest.fixture
def brief(store: FirestoreStore, receiver: Receiver) -> Stack:
    return Stack(store, receiver.origin, timing=BRIEF)


def push(data: bytes) -> Push:
    return Push(
        id="1",
        time=datetime.now(UTC),
        source="//pubsub.googleapis.com/x",
        data=data,
        attributes={},
        message_id="1",
        attempt=1,
        subscription="x",
    )


def ended(store: FirestoreStore, url: str = "", **changes: Any) -> tuple[str, Push]:
    """A failed track and the message that announces it; (event id, message)."""
    request_id = stored_track(store, callback_url=url, **changes)
    error = failure(Code.MODEL_REJECTED, "no")

    def judge(_track: Track, _now: datetime) -> Ending:
        return Ending(Status.FAILED, error=error)

    end(store, request_id, judge, nonce=uuid.uuid4().hex, source=SOURCE, timing=TIMING)
    (announcement,) = document(store, request_id).announcements
    published = frozenset({announcement.event_id})
    note(store, request_id, lambda track: rules.marked(track, published=published))
    return announcement.event_id, push(announcement.data)


def document(store: FirestoreStore, request_id: str) -> Track:
    track = store.get(TRACKS, request_id).value
    assert track is not None
    return track


def settled(store: FirestoreStore, event_id: str) -> bool:
    """Whether the track rests: nothing is left to announce or to record."""
    return document(store, event_id.partition(":")[0]).wake_at is None


def test_an_ending_becomes_one_verified_post(stack: Stack, receiver: Receiver) -> None:
    event_id, message = ended(stack.store, receiver.origin + "/hook", metadata={"order": "17"})
    assert not settled(stack.store, event_id)
    stack.notifier.handle(message)
    (post,) = receiver.posts
    assert post.path == "/hook"
    data = json.loads(post.body)["data"]
    assert (data["status"], data["error"]["code"]) == ("failed", "model_rejected")
    assert data["metadata"] == {"order": "17"}
    row = stack.row(event_id)
    assert (row.state, row.failed, row.wake_at) == ("delivered", 0, None)
    assert row.expire_at is not None
    assert row.expire_at > stack.store.clock.now() + timedelta(days=29)
    assert [(a.number, a.status, a.code) for a in row.attempts] == [(1, 200, "")]
    assert settled(stack.store, event_id)


def test_twenty_deliveries_of_one_event_make_one_post(stack: Stack, receiver: Receiver) -> None:
    event_id, message = ended(stack.store, receiver.origin)
    gate = threading.Barrier(20)

    def one(_: int) -> None:
        gate.wait()
        stack.notifier.handle(message)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(one, range(20)))
    assert len(receiver.posts) == 1
    assert len(stack.row(event_id).attempts) == 1


def test_a_later_delivery_of_the_message_sends_nothing(
    stack: Stack, receiver: Receiver, project: str
) -> None:
    event_id, message = ended(stack.store, receiver.origin)
    stack.notifier.handle(message)
    stack.notifier.handle(message)
    client = firestore.Client(project)
    client.collection("deliveries").document(event_id).delete()  # its retention is over
    client.close()
    stack.notifier.handle(message)
    assert len(receiver.posts) == 1


def test_what_is_no_announced_ending_is_let_go(stack: Stack, receiver: Receiver) -> None:
    event_id, message = ended(stack.store, receiver.origin)
    event = decode_event(message.data)
    for changes in (
        {"type": "track.progress.v1"},
        {"type": "batch.completed.v1"},
        {"request_id": "unknown"},
        {"event_id": f"{event.request_id}:1:completed"},
        {"run": 2},
    ):
        stack.notifier.handle(push(encode(event.model_copy(update=changes))))
    with pytest.raises(Malformed):
        stack.notifier.handle(push(b"{}"))
    assert stack.store.get(DELIVERIES, event_id).value is None
    assert receiver.posts == []


@pytest.mark.parametrize("selection", [("track.completed",), ("track.cancelled", "track.expired")])
def test_an_unwanted_type_is_recorded_and_not_sent(
    stack: Stack, receiver: Receiver, selection: tuple[str, ...]
) -> None:
    event_id, message = ended(stack.store, receiver.origin, callback_events=selection)
    stack.notifier.handle(message)
    assert stack.store.get(DELIVERIES, event_id).value is None
    assert settled(stack.store, event_id)
    assert receiver.posts == []


def test_a_wanted_type_is_sent(stack: Stack, receiver: Receiver) -> None:
    _, message = ended(stack.store, receiver.origin, callback_events=("track.failed",))
    stack.notifier.handle(message)
    assert len(receiver.posts) == 1


def test_without_a_callback_there_is_no_delivery(stack: Stack) -> None:
    event_id, message = ended(stack.store)
    stack.notifier.handle(message)
    assert stack.store.get(DELIVERIES, event_id).value is None
    assert document(stack.store, event_id.partition(":")[0]).announcements[0].recorded


def test_the_second_attempt_is_made_inside_the_push(stack: Stack, receiver: Receiver) -> None:
    receiver.statuses = [500, 200]
    event_id, message = ended(stack.store, receiver.origin)
    stack.notifier.handle(message)
    row = stack.row(event_id)
    assert (row.state, row.failed) == ("delivered", 1)
    assert [(a.number, a.status) for a in row.attempts] == [(1, 500), (2, 200)]
    gap = row.attempts[1].started_at - row.attempts[0].started_at
    assert gap >= timedelta(seconds=5 * SCALE)
    assert len(receiver.ids()) == len(receiver.bodies()) == 1


def test_later_attempts_are_the_sweepers(store: FirestoreStore, receiver: Receiver) -> None:
    stack = Stack(store, receiver.origin, scale=0.002)
    receiver.statuses = [500, 500, 204]
    event_id, message = ended(stack.store, receiver.origin)
    stack.notifier.handle(message)
    assert len(receiver.posts) == 2
    assert stack.row(event_id).state == "pending"
    stack.until_due(event_id)
    stack.sweeper.run()
    assert stack.row(event_id).state == "delivered"
    assert len(receiver.posts) == 3


def test_ten_failures_exhaust_it(store: FirestoreStore, receiver: Receiver) -> None:
    stack = Stack(store, receiver.origin, scale=1e-6)
    receiver.statuses = [500]
    event_id, message = ended(store, receiver.origin)
    stack.notifier.handle(message)
    for _ in range(8):
        stack.until_due(event_id)
        stack.sweeper.run()
        if stack.row(event_id).state != "pending":
            break
    row = stack.row(event_id)
    assert (row.state, row.failed, row.wake_at) == ("exhausted", 10, None)
    assert [a.number for a in row.attempts] == list(range(1, 11))
    assert len(receiver.posts) == 10
    assert len(receiver.ids()) == len(receiver.bodies()) == 1
    assert stack.sweeper.run() == {"woken": 0, "failed": 0}


@pytest.mark.parametrize(("status", "code"), [(410, "gone"), (503, "")])
def test_a_push_goes_no_further_when_the_receiver_is_gone_or_busy(
    stack: Stack, receiver: Receiver, status: int, code: str
) -> None:
    receiver.statuses = [status]
    event_id, message = ended(stack.store, receiver.origin)
    stack.notifier.handle(message)
    row = stack.row(event_id)
    assert row.state == ("exhausted" if code else "pending")
    assert row.attempts[0].code == code
    assert len(receiver.posts) == 1


def test_a_forbidden_target_fails_without_a_post(stack: Stack, receiver: Receiver) -> None:
    with Server(lambda _: Response()) as elsewhere:
        event_id, message = ended(stack.store, elsewhere.url)
        stack.notifier.handle(message)
    row = stack.row(event_id)
    assert (row.state, row.attempts[0].code) == ("exhausted", "target_not_allowed")
    assert settled(stack.store, event_id)


def test_a_death_after_the_commit_is_made_good_by_the_sweep(
    stack: Stack, receiver: Receiver
) -> None:
    event_id, message = ended(stack.store, receiver.origin)
    assert stack.notifier._record(decode_event(message.data))
    assert receiver.posts == []
    assert settled(stack.store, event_id)
    stack.sweeper.run()
    assert stack.row(event_id).state == "delivered"
    assert len(receiver.posts) == 1


def test_a_death_in_an_attempt_is_made_good_when_its_lease_ends(
    stack: Stack, receiver: Receiver
) -> None:
    event_id, message = ended(stack.store, receiver.origin)
    stack.notifier._record(decode_event(message.data))
    dead = stack.take(event_id, "dead")
    stack.egress.post(dead.url, sign(dead), dead.body)
    Stack(stack.store, receiver.origin, scale=1).notifier.handle(message)
    assert stack.row(event_id) == dead  # the lease is live: neither touched nor waited for
    assert len(receiver.posts) == 1
    stack.until_due(event_id)
    stack.sweeper.run()
    assert stack.row(event_id).state == "delivered"
    assert len(receiver.posts) == 2
    assert len(receiver.ids()) == len(receiver.bodies()) == 1


def sign(row: Delivery) -> dict[str, str]:
    return signing.headers(signing.keys(SECRET), row.webhook_id, int(time.time()), row.body)


def test_two_starts_without_a_result_are_a_failed_attempt(brief: Stack, receiver: Receiver) -> None:
    event_id, message = ended(brief.store, receiver.origin)
    brief.notifier._record(decode_event(message.data))
    for holder in ("first", "second"):
        brief.take(event_id, holder)
        brief.until_due(event_id)
    assert brief.sender.attempt(event_id) is not None
    row = brief.row(event_id)
    assert (row.state, row.failed, row.starts) == ("pending", 1, 0)
    assert [(a.number, a.code) for a in row.attempts] == [(1, "no_result")]
    assert receiver.posts == []
    brief.notifier.handle(message)
    assert brief.row(event_id).state == "delivered"


def overtaken(stack: Stack, url: str) -> tuple[str, Delivery, Delivery]:
    """An attempt whose lease has ended, and the one that has taken its place."""
    event_id, message = ended(stack.store, url)
    stack.notifier._record(decode_event(message.data))
    slow = stack.take(event_id, "slow")
    stack.until_due(event_id)
    return event_id, slow, stack.take(event_id, "quick")


def record(stack: Stack, taken: Delivery, status: int) -> None:
    stack.sender._record(taken, Answer(status=status), stack.store.clock.now())


def test_a_success_counts_after_its_lease_is_lost_and_is_final(
    brief: Stack, receiver: Receiver
) -> None:
    event_id, slow, quick = overtaken(brief, receiver.origin)
    record(brief, slow, 200)
    assert brief.row(event_id).state == "delivered"
    record(brief, quick, 500)
    row = brief.row(event_id)
    assert (row.state, row.failed, row.wake_at) == ("delivered", 0, None)


def test_a_failure_counts_only_under_its_lease(brief: Stack, receiver: Receiver) -> None:
    event_id, slow, quick = overtaken(brief, receiver.origin)
    record(brief, slow, 500)
    assert brief.row(event_id) == quick
    record(brief, quick, 500)
    record(brief, quick, 500)
    row = brief.row(event_id)
    assert (row.failed, row.starts, row.holder) == (1, 0, "")


def test_a_late_success_makes_an_exhausted_delivery_delivered(
    brief: Stack, receiver: Receiver
) -> None:
    event_id, slow, quick = overtaken(brief, receiver.origin)
    record(brief, quick, 410)
    assert brief.row(event_id).state == "exhausted"
    record(brief, slow, 200)
    assert brief.row(event_id).state == "delivered"


class LostReply(FirestoreStore):
    """Firestore with one commit whose answer is lost: done all the same, or not."""

    def __init__(self, project: str, number: int, *, done: bool) -> None:
        super().__init__(project)
        self._left = number
        self._done = done

    def commit(self, *writes: Create[Any] | Update[Any]) -> datetime:
        self._left -= 1
        if self._left == 0 and not self._done:
            raise CommitUnclear("lost on the way there")
        time = super().commit(*writes)
        if self._left == 0:
            raise CommitUnclear("lost on the way back")
        return time


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("number", [1, 2, 3], ids=["record", "take", "result"])
def test_a_lost_reply_of_the_store_costs_no_post(
    store: FirestoreStore, receiver: Receiver, project: str, number: int, *, done: bool
) -> None:
    event_id, message = ended(store, receiver.origin)
    lossy = LostReply(project, number, done=done)
    Stack(lossy, receiver.origin).notifier.handle(message)
    lossy.close()
    row = store.get(DELIVERIES, event_id).value
    assert row is not None
    assert (row.state, len(row.attempts)) == ("delivered", 1)
    assert len(receiver.posts) == 1


def test_a_stopping_process_starts_no_attempt(stack: Stack, receiver: Receiver) -> None:
    receiver.statuses = [500]
    receiver.on_post = shutdown.begin
    event_id, message = ended(stack.store, receiver.origin)
    for _ in range(2):
        with pytest.raises(RetryableError) as stop:
            stack.notifier.handle(message)
        assert stop.value.code == "stopping"
    assert stack.sweeper.run()["woken"] == 0
    assert len(receiver.posts) == 1
    row = stack.row(event_id)
    assert (row.state, row.failed) == ("pending", 1)
    assert row.wake_at is not None


def test_slow_receivers_do_not_hold_up_a_sweep(store: FirestoreStore, receiver: Receiver) -> None:
    stack = Stack(store, receiver.origin, timeout=4)
    reached = threading.Event()
    ids: list[str] = []

    def answer_none_before_all_are_there() -> None:
        if len(receiver.posts) == len(ids):
            reached.set()
        reached.wait(5)

    receiver.on_post = answer_none_before_all_are_there
    for _ in range(6):
        event_id, message = ended(store, receiver.origin)
        stack.notifier._record(decode_event(message.data))
        ids.append(event_id)
    stack.sweeper.run()
    rows = [stack.row(one) for one in ids]
    assert {(row.state, row.failed) for row in rows} == {("delivered", 0)}


def settings(project: str, receiver: Receiver, certs_url: str, **changes: Any) -> Settings:
    return Settings(
        gcp_project=project,
        push_audience=issuer.AUDIENCE,
        push_accounts=issuer.ACCOUNT,
        oidc_certs_url=certs_url,
        public_url="https://api.example/",
        webhook_secret=SECRET,
        webhook_allowed_targets=receiver.origin,
        **changes,
    )


def test_the_service_over_http(store: FirestoreStore, receiver: Receiver, project: str) -> None:
    event_id, message = ended(store, receiver.origin)
    with issuer.certs_server() as certs:
        client = create_app(settings(project, receiver, certs.url, time_scale=0.05)).test_client()
        headers, body = pushes.eventarc(pushes.envelope(message.data))
        assert client.post("/events/tracks", headers=headers, data=body).status_code == 401
        assert client.post("/internal/sweep").status_code == 401
        assert receiver.posts == []
        headers["Authorization"] = "Bearer " + issuer.token()
        assert client.post("/events/tracks", headers=headers, data=body).status_code == 204
        _, nonsense = pushes.eventarc(pushes.envelope(b"{}"))
        assert client.post("/events/tracks", headers=headers, data=nonsense).status_code == 400
        swept = client.post("/internal/sweep", headers={"Authorization": headers["Authorization"]})
        assert (swept.status_code, swept.json) == (200, {"woken": 0, "failed": 0})
    link = json.loads(receiver.posts[0].body)["data"]["links"]["self"]
    assert link == f"https://api.example/v1/tracks/{event_id.partition(':')[0]}"
    assert Stack(store, receiver.origin).row(event_id).state == "delivered"
