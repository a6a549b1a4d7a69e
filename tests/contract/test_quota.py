"""Whose turn it is: tokens of the model's quota, waited for, granted and never spent twice."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from services.generator.model import ClipRequest
from shared.allowance import Allowance
from shared.messages import decode_request
from shared.track import Park, Status
from tests.support.bench import Bench, Script, tone
from tests.support.tracks import TIMING, stored_track

CLIP = tone(32.768)


def scarce(bench: Bench, tokens: float, per_second: float = 0.001) -> None:
    """From now on there are so many *tokens*, and hardly more come."""
    name = f"scarce{time.monotonic_ns()}"
    bench.allowance = Allowance(
        bench.store, name, depth=tokens, per_second=per_second, one_by_one=True
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


def test_a_token_that_comes_soon_is_waited_for(bench: Bench) -> None:
    scarce(bench, 1, per_second=2)
    model = Script(CLIP)
    track = bench.push(bench.generator(model), stored_track(bench.store, duration_seconds=90))
    assert track.status is Status.COMPLETED
    assert len(model.asked) == 3


def test_the_sweeper_grants_a_token_and_the_push_spends_it(bench: Bench) -> None:
    scarce(bench, 1)
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
    scarce(bench, 1)
    model = Script(CLIP)
    track_id = awaited(bench, duration_seconds=120)
    generator = bench.generator(model)
    bench.sweep(generator)
    track = bench.push(generator, track_id)
    assert track.park is Park.QUOTA
    assert len(model.asked) == 1


def test_a_grant_that_has_lapsed_is_worth_nothing(bench: Bench) -> None:
    scarce(bench, 1)
    assert bench.allowance.take() == 0
    past = bench.store.clock.now() - timedelta(seconds=1)
    track_id = stored_track(bench.store, fields={"grant_until": past})
    model = Script(CLIP)
    assert bench.push(bench.generator(model), track_id).park is Park.QUOTA
    assert not model.asked


def test_who_waits_longest_is_served_first_and_nobody_is_woken_for_nothing(bench: Bench) -> None:
    scarce(bench, 2)
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
    scarce(bench, 1)
    track_id = awaited(bench)
    bench.wake_now(track_id, deadline=bench.store.clock.now())
    bench.sweep(bench.generator(Script(CLIP)))
    assert bench.track(track_id).status is Status.EXPIRED
    assert bench.allowance.take() == 0


def test_a_parked_track_without_a_free_slot_keeps_its_grant(bench: Bench) -> None:
    scarce(bench, 1)
    began, go_on = threading.Event(), threading.Event()

    class Slow(Script):
        def generate(self, request: ClipRequest) -> Any:
            began.set()
            assert go_on.wait(20)
            return super().generate(request)

    generator = bench.generator(Slow(CLIP), slots=1)
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
    scarce(bench, 1, per_second=0.5)
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


def test_the_wait_is_bounded_by_what_a_push_may_wait(bench: Bench) -> None:
    assert TIMING.token_wait < TIMING.budget - TIMING.model_attempt
