from dataclasses import replace
from datetime import timedelta

import pytest

from shared import live, rules
from shared.messages import LIVE_TYPES, event_attributes
from shared.retrying import retried
from shared.track import PROGRESS, Stage, Status, Track
from shared.webhooks import LIVE_EVENTS
from tests.support.rules import START, TIMING, claimed, ending, new

URL = "https://hooks.example/"


def asking(*events: str, url: str = URL) -> Track:
    track = new(callback_url=url)
    return replace(track, request=track.request.model_copy(update={"callback_events": events}))


@pytest.mark.parametrize("word", LIVE_TYPES)
def test_only_a_callback_that_names_it_wants_a_live_event(word: str) -> None:
    name = f"track.{word}"
    others = [event for event in LIVE_EVENTS if event != name]
    assert live.wanted(asking("track.completed", name), word)
    assert not live.wanted(asking(*others, "track.completed"), word)
    assert not live.wanted(asking(), word)
    assert not live.wanted(asking(name, url=""), word)


def test_an_event_is_the_track_as_it_is() -> None:
    track = rules.staged(claimed(new()), Stage.MASTERING, START)
    told = live.event(track, "progress", START, part=":1:2")
    assert (told.type, told.event_id) == ("track.progress.v1", "r1:1:progress:1:2")
    assert (told.status, told.stage, told.progress) == ("running", "mastering", 0.8)
    assert (told.sequence, told.run, told.occurred_at) == (track.sequence, 1, START)
    assert event_attributes(told, "generator")["ce-type"] == "track.progress.v1"


def test_the_sequence_grows_with_every_step_and_the_endings_is_the_highest() -> None:
    steps = [claimed(new())]
    steps.append(rules.called(steps[-1], 0, 1, "n", START))
    for share in (1 / 3, 2 / 3, 1.0):
        steps.append(rules.clips_usable(steps[-1], share, START))
    for stage in (Stage.MASTERING, Stage.STORING):
        steps.append(rules.staged(steps[-1], stage, START))
    steps.append(ending(steps[-1], Status.FAILED, START))
    steps.append(retried(steps[-1], "n2", START, TIMING))
    sequences = [live.event(step, "progress", START).sequence for step in steps]
    assert sequences == list(range(len(steps)))


def test_what_changes_nothing_is_no_step() -> None:
    track = rules.clips_usable(claimed(new()), 0.5, START)
    later = START + timedelta(seconds=1)
    assert rules.clips_usable(track, 0.5, later) == track
    mastered = replace(track, progress=PROGRESS[Stage.MASTERING])
    assert rules.clips_usable(mastered, 0.7, later) == mastered
