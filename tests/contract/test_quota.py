"""Whose turn it is: tokens of the model's quota, waited for, granted and never spent twice."""

import threading
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.generator.model import Clip, ClipRequest
from shared.allowance import Allowance
from shared.errors import StoreUnavailable
from shared.messages import decode_request
from shared.track import TRACKS, Park, Status
from tests.support.bench import Bench, Script, tone
from tests.support.tracks import TIMING, stored_track
from tests.support.waiting import wait_for

CLIP = tone(32.768)


def scarce(bench: Bench, tokens: float, per_second: float = 0.001) -> None:
    """From now on pushes get so many *tokens*, those in line one more; hardly more come."""
    name = f"scarce{time.monotonic_ns()}"
    bench.allowance = Allowance(
        bench.store, name, depth=tokens + 1, per_second=per_second, one_by_one=True
    )


def awaited(bench: Bench, **fields: Any) -> str:
    """A track that is parked for its turn, and due."""
    track_id = stored_track(bench.store, fields={"park": Park.QUOTA}, **fields)
    bench.wake_now(track_id)
    return track_id


def test_without_a_token_the_track_is_parked_until_its_turn(bench: Bench) -> None:
    scarce(bench, 2)
    model = Script(CLIP)
    track_id = stored_track(bench.store, duration_seconds=90)
    track = bench.push(bench.generator(model), track_id)
    assert track.park is Park.QUOTA
    assert len(model.asked) == 2
    assert len(bench.bucket.list(f"clips/{track_id}/")) == 2
    assert track.not_before is not None
    assert track.not_before > bench.store.clock.now() + timedelta(seconds=100)
    assert (track.attempts, track.quota_waits) == (0, 0)


def test_a_fresh_push_waits_for_its_first_token(bench: Bench) -> None:
    scarce(bench, 0, per_second=2)
    assert bench.allowance.take() == 0
    model = Script(CLIP)
    track = bench.push(bench.generator(model), stored_track(bench.store))
    assert track.status is Status.COMPLETED


class Slow(Script):
    """A model that takes its time."""

    def generate(self, request: ClipRequest) -> Clip:
        time.sleep(1.5)
        return super().generate(request)


def test_a_token_is_waited_for_while_a_call_is_in_flight(bench: Bench) -> None:
    scarce(bench, 1, per_second=1)
    model = Slow(CLIP)
    track = bench.push(bench.generator(model), stored_track(bench.store, duration_seconds=90))
    assert track.status is Status.COMPLETED
    assert len(model.asked) == 3


def test_a_track_with_nothing_in_flight_frees_its_slot(bench: Bench) -> None:
    """A token would come within the patience of a fresh push; this one has made its calls."""
    scarce(bench, 1, per_second=0.5)
    model = Script(CLIP)
    track = bench.push(bench.generator(model), stored_track(bench.store, duration_seconds=90))
    assert (track.park, track.waits) == (Park.QUOTA, Park.NONE)
    assert len(model.asked) == 1


def test_a_long_wait_is_told(bench: Bench) -> None:
    timing = replace(TIMING, token_wait=60)
    scarce(bench, 0, per_second=0.2)
    assert bench.allowance.take() == 0
    track_id = stored_track(bench.store)
    generator = bench.generator(Script(CLIP), timing)
    pushed = threading.Thread(target=bench.push, args=(generator, track_id))
    pushed.start()
    wait_for(lambda: bench.track(track_id).waits is Park.QUOTA)
    pushed.join()
    track = bench.track(track_id)
    assert (track.status, track.waits) == (Status.COMPLETED, Park.NONE)


def test_the_sweeper_grants_a_token_and_the_push_spends_it(bench: Bench) -> None:
    scarce(bench, 0)
    model = Script(CLIP)
    generator = bench.generator(model)
    track_id = awaited(bench)
    bench.sweep(generator)
    track = bench.track(track_id)
    assert track.grant_until is not None
    assert track.wake_at == track.grant_until
    (sent,) = bench.requests.sent
    assert decode_request(sent[0]).request_id == track_id
    assert bench.allowance.take() > 0, "the token is set aside"
    track = bench.push(generator, track_id)
    assert (track.status, track.grant_until) == (Status.COMPLETED, None)
    assert len(model.asked) == 1


def test_one_grant_is_spent_by_one_of_many_clips(bench: Bench) -> None:
    scarce(bench, 0)
    model = Script(CLIP)
    track_id = awaited(bench, duration_seconds=120)
    generator = bench.generator(model)
    bench.sweep(generator)
    track = bench.push(generator, track_id)
    assert track.park is Park.QUOTA
    assert len(model.asked) == 1


def test_a_grant_that_has_lapsed_is_worth_nothing(bench: Bench) -> None:
    scarce(bench, 0)
    assert bench.allowance.take() == 0
    past = bench.store.clock.now() - timedelta(seconds=1)
    track_id = stored_track(bench.store, fields={"grant_until": past})
    model = Script(CLIP)
    assert bench.push(bench.generator(model), track_id).park is Park.QUOTA
    assert not model.asked


def test_who_waits_longest_is_served_first_and_nobody_is_woken_for_nothing(bench: Bench) -> None:
    scarce(bench, 1)
    first, second, third, fourth = (awaited(bench) for _ in range(4))
    bench.sweep(bench.generator(Script(CLIP)))
    woken = [decode_request(data).request_id for data, _ in bench.requests.sent]
    assert woken == [first, second]
    turns = [bench.track(track_id).wake_at for track_id in (third, fourth)]
    assert turns[0] is not None
    assert turns[1] is not None
    assert bench.store.clock.now() < turns[0] < turns[1]
    assert bench.track(third).park is Park.QUOTA


def test_a_track_that_must_end_takes_no_token(bench: Bench) -> None:
    scarce(bench, 0)
    track_id = awaited(bench)
    bench.wake_now(track_id, deadline=bench.store.clock.now())
    bench.sweep(bench.generator(Script(CLIP)))
    assert bench.track(track_id).status is Status.EXPIRED
    assert bench.allowance.take() == 0


def test_a_parked_track_without_a_free_slot_keeps_its_grant(bench: Bench) -> None:
    scarce(bench, 1)
    began, go_on = threading.Event(), threading.Event()

    class Held(Script):
        def generate(self, request: ClipRequest) -> Any:
            began.set()
            assert go_on.wait(20)
            return super().generate(request)

    generator = bench.generator(Held(CLIP), slots=1)
    running = stored_track(bench.store)
    thread = threading.Thread(target=bench.push, args=(generator, running))
    thread.start()
    assert began.wait(20)
    until = bench.store.clock.now() + timedelta(seconds=60)
    track_id = stored_track(bench.store, fields={"grant_until": until})
    track = bench.push(generator, track_id)
    go_on.set()
    thread.join()
    assert (track.park, track.grant_until) == (Park.SLOT, until)


def test_a_cancel_ends_the_wait_for_a_token(bench: Bench) -> None:
    scarce(bench, 0, per_second=0.5)
    assert bench.allowance.take() == 0
    track_id = stored_track(bench.store)
    model = Script(CLIP)
    generator = bench.generator(model)
    pushed = threading.Thread(target=bench.push, args=(generator, track_id))
    pushed.start()
    while bench.track(track_id).holder == "":
        time.sleep(0.02)
    assert bench.tracks.cancel("local", track_id) in ("cancelling", "cancelled")
    pushed.join(30)
    assert bench.track(track_id).status is Status.CANCELLED
    assert not model.asked


@pytest.mark.parametrize("tokens", [1, 3])
def test_many_tracks_at_once_never_call_more_than_there_are_tokens(
    bench: Bench, tokens: int
) -> None:
    scarce(bench, tokens)
    model = Script(CLIP)
    generators = [bench.generator(model, slots=8) for _ in range(2)]
    tracks = [stored_track(bench.store) for _ in range(6)]
    threads = [
        threading.Thread(target=bench.push, args=(generators[k % 2], track_id))
        for k, track_id in enumerate(tracks)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(model.asked) == tokens
    ends = [bench.track(track_id) for track_id in tracks]
    assert sum(track.status is Status.COMPLETED for track in ends) == tokens
    assert sum(track.park is Park.QUOTA for track in ends) == 6 - tokens


def test_the_last_token_is_left_to_those_in_line(bench: Bench) -> None:
    scarce(bench, 1)
    assert bench.allowance.take() == 0
    fresh = stored_track(bench.store)
    waiting = awaited(bench)
    model = Script(CLIP)
    generator = bench.generator(model)
    assert bench.push(generator, fresh).park is Park.QUOTA
    bench.sweep(generator)
    assert bench.push(generator, waiting).status is Status.COMPLETED


class Away:
    """An allowance whose document cannot be had."""

    def take(self, amount: float = 1.0, *, leave: float = 0.0) -> float:
        raise StoreUnavailable("away")


def test_an_allowance_that_is_away_costs_no_attempt(bench: Bench) -> None:
    bench.allowance = Away()  # type: ignore[assignment]  # the far side, out of order
    track = bench.push(bench.generator(Script(CLIP)), stored_track(bench.store))
    assert (track.park, track.attempts, track.holder) == (Park.QUOTA, 0, "")


def test_an_allowance_that_is_away_hides_no_other_rows(bench: Bench) -> None:
    waiting = [awaited(bench) for _ in range(3)]
    lost = stored_track(bench.store)
    bench.wake_now(lost)
    bench.allowance = Away()  # type: ignore[assignment]  # as above
    bench.sweep(bench.generator(Script(CLIP)))
    (sent,) = bench.requests.sent
    assert decode_request(sent[0]).request_id == lost
    for track_id in waiting:
        wake_at = bench.track(track_id).wake_at
        assert wake_at is not None
        assert wake_at > bench.store.clock.now()


def test_a_track_alone_in_line_is_not_sent_further_back_each_time(bench: Bench) -> None:
    scarce(bench, 0, per_second=2)
    track_id = awaited(bench)
    generator = bench.generator(Script(CLIP))
    sweeper = bench.sweeper(generator)
    for _ in range(5):
        bench.allowance.take()
        now = bench.store.clock.now()
        bench.wake_now(track_id, grant_until=None)
        sweeper.wake(bench.store.get(TRACKS, track_id))
        wake_at = bench.track(track_id).wake_at
        assert wake_at is not None
        assert (wake_at - now).total_seconds() < 4


def test_the_wait_is_bounded_by_what_a_push_may_wait(bench: Bench) -> None:
    assert TIMING.token_wait < TIMING.budget - TIMING.model_attempt
