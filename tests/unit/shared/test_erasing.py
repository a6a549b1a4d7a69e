from dataclasses import replace
from datetime import timedelta

from shared import rules
from shared.erasing import erased, objects_erased
from shared.track import Status, Track
from tests.support.rules import START, TIMING, ending, new

LAST = START + timedelta(seconds=TIMING.request_timeout)


def over(*, published: bool = True) -> Track:
    """An ended track, its ending published or not."""
    track = ending(new(callback_url="https://hooks.example/"), Status.FAILED, START)
    (told,) = track.announcements
    return replace(track, announcements=(replace(told, published=published),))


def test_the_last_look_comes_when_every_worker_is_gone() -> None:
    track = erased(over(), START, TIMING)
    assert track.erase_until == LAST
    assert track.wake_at == START + timedelta(seconds=TIMING.wake)


def test_a_look_too_soon_is_not_the_last_one() -> None:
    soon = objects_erased(erased(over(), START, TIMING), LAST - timedelta(seconds=1))
    assert (soon.wake_at, soon.erase_until) == (LAST, LAST)
    rests = objects_erased(soon, LAST)
    assert (rests.wake_at, rests.erase_until) == (None, None)
    assert objects_erased(rests, LAST) == rests


def test_an_ending_to_be_published_is_not_put_off() -> None:
    track = erased(over(published=False), START, TIMING)
    assert objects_erased(track, START).wake_at == track.wake_at
    late = objects_erased(track, LAST)
    assert (late.wake_at, late.erase_until) == (track.wake_at, None)
    (told,) = late.announcements
    said = rules.marked(late, published=frozenset({told.event_id}))
    assert (said.wake_at, said.announcements) == (None, ())


def test_no_other_track_is_touched() -> None:
    track = over()
    assert objects_erased(track, LAST) == track
