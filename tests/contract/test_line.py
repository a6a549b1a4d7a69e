"""Who found no slot is woken by whoever leaves one, at once and in turn."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from services.generator.line import Line
from shared.errors import RetryableError
from shared.messages import Message, decode_request
from shared.track import Park, Status
from tests.support.bench import Bench, Script, tone
from tests.support.tracks import TIMING, stored_track

CLIP = tone(32.768)


def parked(bench: Bench, seconds: float = 30, **fields: object) -> str:
    """In line for a slot, its turn so many seconds from now."""
    track_id = stored_track(bench.store)
    at = bench.track(track_id).created_at + timedelta(seconds=seconds)
    bench.change(track_id, park=Park.SLOT, not_before=at, wake_at=at, **fields)
    return track_id


def woken(bench: Bench) -> list[str]:
    return [decode_request(data).request_id for data, _ in bench.requests.sent]


def line(bench: Bench) -> Line:
    return Line(store=bench.store, requests=bench.requests, timing=TIMING)


def test_each_free_slot_wakes_the_next_and_none_twice(bench: Bench) -> None:
    second, first = parked(bench, 20), parked(bench, 10)
    for _ in range(4):
        line(bench).wake()
    assert woken(bench) == [first, second]
    track = bench.track(first)
    now = bench.store.clock.now()
    assert track.not_before is not None
    assert track.not_before <= now
    assert track.wake_at is not None
    assert track.wake_at > now


def test_who_waits_for_something_else_is_left_alone(bench: Bench) -> None:
    for park in Park:
        if park is not Park.SLOT:
            track_id = stored_track(bench.store)
            bench.wake_now(track_id, park=park)
    parked(bench, cancel_requested=True)
    parked(bench, deadline=bench.store.clock.now())
    line(bench).wake()
    assert woken(bench) == []


def test_a_topic_that_is_away_costs_nobody_but_time(bench: Bench) -> None:
    class Away:
        asked = 0

        def publish(self, message: Message | bytes, attributes: object) -> None:
            self.asked += 1
            raise RetryableError("away")

    track_id, away = parked(bench), Away()
    Line(store=bench.store, requests=away, timing=TIMING).wake()
    track = bench.track(track_id)
    assert away.asked == 1
    assert track.wake_at is not None
    assert track.wake_at <= bench.store.clock.now() + timedelta(seconds=TIMING.wake)


def test_a_burst_goes_through_one_slot_without_a_sweep(bench: Bench) -> None:
    working, go_on = threading.Event(), threading.Event()

    def answer() -> bytes:
        working.set()
        assert go_on.wait(30)
        return CLIP

    generator = bench.generator(Script(answer), slots=1)
    tracks = [stored_track(bench.store) for _ in range(3)]
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(bench.push, generator, tracks[0])
        assert working.wait(30)
        for track_id in tracks[1:]:
            assert bench.push(generator, track_id).park is Park.SLOT
        assert woken(bench) == []
        go_on.set()
        busy.result()
    for count in (1, 2):
        assert len(woken(bench)) == count
        assert bench.push(generator, woken(bench)[-1]).status is Status.COMPLETED
    assert sorted(woken(bench)) == sorted(tracks[1:])


def test_who_parks_while_a_slot_becomes_free_is_woken_at_once(bench: Bench) -> None:
    generator = bench.generator(Script(CLIP), slots=1)
    track_id = stored_track(bench.store)
    assert generator._slots.acquire()
    park = generator._park

    def parks(claim: object, stop: object) -> None:
        park(claim, stop)  # type: ignore[arg-type]
        generator._slots.release()

    generator._park = parks  # type: ignore[method-assign]
    assert bench.push(generator, track_id).park is Park.SLOT
    assert woken(bench) == [track_id]
