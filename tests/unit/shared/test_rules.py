from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import rules, turns
from shared.clock import seconds
from shared.cures import CURES, failure
from shared.errors import Code
from shared.messages import AudioObject
from shared.retrying import retried
from shared.track import PROGRESS, Park, Stage, Status, Track
from tests.support.rules import ENDINGS, START, TIMING, claimed, ending, new


def test_a_new_track_waits_for_its_message() -> None:
    track = new()
    assert track.wake_at == START + timedelta(seconds=30)
    assert track.deadline == START + timedelta(hours=1)
    assert (track.status, track.run, track.epoch, track.attempts) == (Status.QUEUED, 1, 0, 0)
    assert new(lifetime=10).wake_at == START + timedelta(seconds=10)


def test_a_claim_starts_a_lease_and_counts() -> None:
    waiting = replace(new(), park=Park.QUOTA, not_before=START, wakes=5, attempts=2, epoch=7)
    track = claimed(waiting)
    assert (track.holder, track.epoch, track.attempts, track.wakes) == ("h1", 8, 3, 0)
    assert (track.park, track.not_before) == (Park.NONE, None)
    assert track.live(START + timedelta(seconds=89.9))
    assert not track.live(START + timedelta(seconds=90))


@pytest.mark.parametrize(
    ("before", "unpaid", "after"), [(0, True, 0), (0, False, 1), (4, True, 4), (4, False, 5)]
)
def test_an_unpaid_claim_is_taken_back(before: int, after: int, *, unpaid: bool) -> None:
    track = claimed(replace(new(), attempts=before))
    parked = rules.parked(track, Park.FAULT, START, TIMING, unpaid=unpaid)
    assert parked.attempts == after


def test_a_stored_clip_forgives_everything() -> None:
    tried = replace(claimed(new()), attempts=9, faults=7, refused_since=START)
    stored = rules.clip_stored(tried)
    assert (stored.attempts, stored.faults, stored.refused_since) == (0, 0, None)
    assert rules.parked(stored, Park.BUDGET, START, TIMING, unpaid=True).attempts == 0


def waits(park: Park, count: int) -> list[float]:
    """Seconds of so many parks one after the other."""
    track, found = new(lifetime=10**6), []
    for _ in range(count):
        track = rules.parked(claimed(track), park, START, TIMING)
        assert track.not_before is not None
        found.append((track.not_before - START).total_seconds())
    return found


def test_faults_double_to_ten_minutes() -> None:
    assert waits(Park.FAULT, 8) == [10, 20, 40, 80, 160, 320, 600, 600]


def test_quota_doubles_to_five_minutes() -> None:
    assert waits(Park.QUOTA, 6) == [15, 30, 60, 120, 240, 300]


@pytest.mark.parametrize("park", [Park.SLOT, Park.BUDGET])
def test_a_slot_and_a_budget_never_double(park: Park) -> None:
    assert waits(park, 5) == [10] * 5


def test_waiting_for_a_slot_makes_no_fault_longer() -> None:
    track = new()
    for _ in range(5):
        track = rules.parked(claimed(track), Park.SLOT, START, TIMING)
    track = rules.parked(claimed(track), Park.FAULT, START, TIMING)
    assert track.not_before == START + timedelta(seconds=10)


def test_a_stopped_process_makes_nobody_wait() -> None:
    assert waits(Park.STOPPED, 3) == [0] * 3


@pytest.mark.parametrize("park", [Park.FAULT, Park.QUOTA])
def test_a_week_of_parks_is_borne(park: Park) -> None:
    found = waits(park, 3000)
    assert found == sorted(found)
    assert found[-1] <= 600


def test_the_models_own_wish_is_followed() -> None:
    track = rules.parked(claimed(new()), Park.QUOTA, START, TIMING, retry_after=200)
    assert track.not_before == START + timedelta(seconds=200)
    track = rules.parked(claimed(new()), Park.QUOTA, START, TIMING, retry_after=3)
    assert track.not_before == START + timedelta(seconds=3)


def test_a_park_gives_the_lease_back_and_never_outlives_the_deadline() -> None:
    track = rules.parked(claimed(new(lifetime=5)), Park.FAULT, START, TIMING)
    assert (track.holder, track.lease_expires_at) == ("", None)
    assert track.not_before == START + timedelta(seconds=10)
    assert track.wake_at == track.deadline == START + timedelta(seconds=5)


def test_the_clock_of_refusals_runs_until_the_model_answers_anything_else() -> None:
    first = rules.parked(claimed(new()), Park.FAULT, START, TIMING, refusal=True)
    later = START + timedelta(minutes=59, seconds=59)
    again = rules.parked(claimed(first, later), Park.FAULT, later, TIMING, refusal=True)
    slot = rules.parked(claimed(again, later), Park.SLOT, later, TIMING)
    assert slot.refused_since == START
    assert not rules.given_up(slot, later, TIMING)
    hour = START + timedelta(hours=1)
    assert rules.given_up(slot, hour, TIMING)
    for answered in (
        rules.clip_stored(slot),
        rules.refused(slot, 0, 1, "prompt_recitation"),
        rules.parked(slot, Park.QUOTA, later, TIMING),
        rules.parked(slot, Park.FAULT, later, TIMING),
    ):
        assert not rules.given_up(answered, hour, TIMING)
    unreached = rules.parked(slot, Park.FAULT, later, TIMING, unpaid=True)
    assert unreached.refused_since == START


def test_quota_and_faults_back_off_apart() -> None:
    track = claimed(new())
    for _ in range(6):
        track = claimed(rules.parked(track, Park.QUOTA, START, TIMING))
    track = rules.parked(track, Park.FAULT, START, TIMING)
    assert track.not_before == START + timedelta(seconds=10)


@pytest.mark.parametrize("park", [p for p in Park if p not in (Park.NONE, Park.FAULT)])
def test_waiting_is_no_attempt(park: Park) -> None:
    assert rules.parked(claimed(new()), park, START, TIMING).attempts == 0


def test_a_refusal_costs_nothing_and_is_no_attempt() -> None:
    refused = rules.parked(claimed(new()), Park.FAULT, START, TIMING, unpaid=True, refusal=True)
    assert (refused.attempts, refused.faults) == (0, 1)
    assert not rules.given_up(new(), START + timedelta(days=1), TIMING)


def test_looks_at_a_row_grow_apart() -> None:
    track, gaps = ending(new(), Status.FAILED, START), []
    for _ in range(9):
        track = rules.moved_on(track, START, TIMING)
        assert track.wake_at is not None
        gaps.append((track.wake_at - START).total_seconds())
    assert gaps == [30, 60, 120, 240, 480, 960, 1200, 1200, 1200]


def test_a_row_can_be_looked_at_for_months() -> None:
    track = replace(ending(new(), Status.FAILED, START), wakes=6480)
    assert rules.moved_on(track, START, TIMING).wake_at == START + timedelta(minutes=20)


def test_an_open_row_is_looked_at_by_its_deadline_and_after_it() -> None:
    track = replace(new(lifetime=100), wakes=9)
    assert rules.moved_on(track, START, TIMING).wake_at == track.deadline
    late = track.deadline
    assert rules.moved_on(track, late, TIMING).wake_at == late + timedelta(minutes=20)


def versions(*numbers: int, run: int = 1) -> Track:
    track = replace(claimed(new()), run=run)
    for n in numbers:
        track = rules.called(track, 0, n, f"nonce{n}", START)
    return track


@pytest.mark.parametrize(
    ("tried", "n", "over"),
    [
        ((), 1, False),
        ((1, 2), 3, False),
        ((1, 2, 3), 3, False),
        ((1, 2, 3), 1, False),
        ((1, 2, 3), 4, True),
        ((4, 5, 6), 7, True),
    ],
)
def test_three_versions_of_a_clip_are_the_most(
    tried: tuple[int, ...], n: int, *, over: bool
) -> None:
    assert rules.exhausted(versions(*tried), 0, n) is over


def test_other_clips_and_earlier_runs_do_not_count() -> None:
    track = versions(1, 2, 3)
    assert not rules.exhausted(track, 1, 4)
    assert not rules.exhausted(replace(track, run=2), 0, 4)


def test_a_call_is_written_down_once_with_its_newest_nonce() -> None:
    track = rules.called(versions(1, 2), 0, 2, "again", START)
    assert [(c.n, c.nonce) for c in track.calls] == [(1, "nonce1"), (2, "again")]
    assert track.provider_calls == 3
    assert (track.status, track.stage) == (Status.RUNNING, Stage.GENERATING)


def test_a_refused_version_is_remembered() -> None:
    track = rules.refused(rules.refused(new(), 0, 1, "a"), 0, 2, "b")
    assert [(r.clip, r.n, r.code) for r in track.refusals] == [(0, 1, "a"), (0, 2, "b")]


def test_stages_raise_progress_and_sequence_and_never_lower_them() -> None:
    track = rules.staged(claimed(new()), Stage.STORING, START)
    again = rules.staged(track, Stage.GENERATING, START + timedelta(seconds=5))
    assert again.progress == PROGRESS[Stage.STORING]
    assert (track.sequence, again.sequence) == (1, 2)
    assert again.started_at == START
    assert rules.staged(again, Stage.GENERATING, START).sequence == 2


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, None),
        ({"cancel_requested": True}, Status.CANCELLED),
        ({"deadline": START}, Status.EXPIRED),
        ({"attempts": 9}, None),
        ({"attempts": 10}, Status.FAILED),
        ({"cancel_requested": True, "deadline": START, "attempts": 10}, Status.CANCELLED),
        ({"deadline": START, "attempts": 10}, Status.EXPIRED),
    ],
)
def test_what_must_end_and_how(change: dict[str, Any], status: Status | None) -> None:
    assert rules.must_end(replace(new(), **change), START) == status


@pytest.mark.parametrize("published", [True, False])
@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("hook", ["", "https://hooks.example/"])
def test_a_track_rests_when_all_is_said(hook: str, *, published: bool, recorded: bool) -> None:
    track = ending(new(callback_url=hook), Status.CANCELLED, START)
    (event,) = track.announcements
    marked = rules.marked(
        track,
        published=frozenset([event.event_id] if published else []),
        recorded=event.event_id if recorded else "",
    )
    assert (marked.wake_at is None) == (published and (recorded or not hook))


def test_an_earlier_run_keeps_a_track_awake() -> None:
    track = ending(new(), Status.FAILED, START)
    again = ending(retried(track, "n", START, TIMING), Status.CANCELLED, START)
    first, second = (a.event_id for a in again.announcements)
    assert first != second
    assert rules.marked(again, published=frozenset({second})).wake_at is not None
    assert rules.marked(again, published=frozenset({first, second})).wake_at is None


def test_an_open_track_never_rests() -> None:
    track = retried(ending(new(), Status.FAILED, START), "n", START, TIMING)
    said = rules.marked(track, published=frozenset({"r1:1:failed"}))
    assert said.announcements[0].published
    assert said.wake_at == track.wake_at


def test_a_retry_starts_afresh_and_keeps_what_was_paid() -> None:
    worn = rules.refused(versions(1, 2), 0, 1, "prompt_recitation")
    over = replace(
        ending(worn, Status.FAILED, START),
        attempts=10,
        faults=5,
        refused_since=START,
        park=Park.FAULT,
        not_before=START,
        cancel_requested=True,
        wakes=7,
        progress=0.8,
    )
    later = START + timedelta(days=3)
    track = retried(over, "n2", later, TIMING)
    fresh = new()
    changed = {
        "run": 2,
        "epoch": over.epoch + 1,
        "sequence": over.sequence + 1,
        "run_nonce": "n2",
        "queued_at": later,
        "deadline": later + timedelta(hours=1),
        "wake_at": later + timedelta(seconds=30),
        "refusals": worn.refusals,
        "announcements": over.announcements,
    }
    assert track == replace(fresh, **changed)  # type: ignore[arg-type]  # of one type each
    assert not rules.exhausted(track, 0, 3)


def test_what_is_said_and_heard_is_forgotten_by_a_retry() -> None:
    over = ending(new(callback_url="https://x.example/h"), Status.FAILED, START)
    (said,) = over.announcements
    published = rules.marked(over, published=frozenset({said.event_id}))
    assert retried(published, "n", START, TIMING).announcements == published.announcements
    heard = rules.marked(published, recorded=said.event_id)
    assert retried(heard, "n", START, TIMING).announcements == ()


def test_every_code_has_a_cure() -> None:
    assert set(CURES) == set(Code)
    for code in Code:
        error = failure(code, "text")
        assert (error.code, error.message) == (code, "text")
        assert error.cure.endswith(".")


@given(st.sampled_from(ENDINGS), st.floats(0, 10**6))
def test_an_ending_clears_the_claim(status: Status, after: float) -> None:
    now = START + seconds(after)
    held = rules.staged(claimed(new(), now), Stage.MASTERING, now)
    track = ending(held, status, now)
    assert (track.holder, track.lease_expires_at, track.park) == ("", None, Park.NONE)
    assert (track.epoch, track.stage) == (held.epoch + 1, Stage.NONE)
    assert track.progress == (1.0 if status is Status.COMPLETED else held.progress)
    assert track.wake_at == now + timedelta(seconds=30)
    assert track.expire_at == now + timedelta(days=90)


RULES: list[Callable[[Track], Track]] = [
    claimed,
    rules.clip_stored,
    rules.settled,
    lambda track: rules.renewed(track, START, TIMING),
    lambda track: rules.parked(track, Park.FAULT, START, TIMING),
    lambda track: rules.moved_on(track, START, TIMING),
    lambda track: retried(track, "n", START, TIMING),
]


@pytest.mark.parametrize("apply", RULES)
def test_rules_leave_the_request_alone(apply: Callable[[Track], Track]) -> None:
    track = new()
    after = apply(track)
    for name in ("request", "request_id", "tenant", "fingerprint", "created_at"):
        assert getattr(after, name) == getattr(track, name)


def test_a_grant_is_spent_once_and_lapses() -> None:
    waiting = rules.parked(claimed(new()), Park.QUOTA, START, TIMING, asked=False)
    track = turns.granted(waiting, START, TIMING)
    assert (track.not_before, track.wake_at) == (None, START + timedelta(seconds=60))
    assert turns.has_grant(track, START + timedelta(seconds=59))
    assert not turns.has_grant(track, START + timedelta(seconds=60))
    held = rules.claimed(track, "h", START, TIMING)
    assert turns.has_grant(held, START)
    own = rules.called(held, 0, 1, "n", START)
    assert turns.has_grant(own, START), "a token of its own leaves the grant"
    assert not turns.has_grant(rules.called(own, 1, 1, "m", START, spends_grant=True), START)


def test_our_own_quota_is_no_answer_of_the_model() -> None:
    track = replace(claimed(new()), refused_since=START)
    waiting = rules.parked(track, Park.QUOTA, START, TIMING, asked=False, retry_after=7)
    assert (waiting.refused_since, waiting.quota_waits, waiting.attempts) == (START, 0, 0)
    assert waiting.not_before == START + timedelta(seconds=7)
    refused = rules.parked(track, Park.QUOTA, START, TIMING)
    assert (refused.refused_since, refused.quota_waits) == (None, 1)


def test_who_is_turned_away_looks_again_in_time_for_its_deadline() -> None:
    track = new(lifetime=100)
    assert turns.turned_away(track, START + seconds(30)).wake_at == START + timedelta(seconds=30)
    assert turns.turned_away(track, START + seconds(300)).wake_at == track.deadline


def test_clips_move_the_progress_on() -> None:
    track = rules.staged(claimed(new()), Stage.GENERATING, START)
    half = rules.clips_usable(track, 0.5, START)
    assert half.progress == pytest.approx(0.45)
    assert rules.clips_usable(half, 0.2, START).progress == half.progress
    assert rules.clips_usable(half, 1.0, START).progress == PROGRESS[Stage.MASTERING]


def test_only_a_completed_track_wakes_again_for_its_clips() -> None:
    done = replace(ending(claimed(new()), Status.COMPLETED, START), clips_due=START + seconds(9))
    ids = {a.event_id for a in done.announcements}
    at_rest = rules.marked(done, published=frozenset(ids))
    assert at_rest.wake_at == START + seconds(9)
    assert rules.clips_deleted(at_rest).wake_at is None
    unsaid = rules.clips_deleted(done)
    assert unsaid.wake_at == done.wake_at, "its ending has still to be said"


def test_ready_files_are_listed_once_and_gone_with_the_next_run() -> None:
    file = audio("wav", generation=1)
    track = rules.file_ready(rules.file_ready(claimed(new()), file), audio("mp3"))
    track = rules.file_ready(track, audio("wav", generation=2))
    assert [(a.format, a.generation) for a in track.ready] == [("mp3", 1), ("wav", 2)]
    failed = ending(track, Status.FAILED, START)
    assert (failed.ready, failed.grant_until, failed.clips_due) == ((), None, None)
    assert retried(failed, "n", START, TIMING).ready == ()


def audio(name: str, *, generation: int = 1) -> AudioObject:
    return AudioObject(
        format=name, mime_type="audio/x", uri="gs://b/o", generation=generation, size_bytes=1,
        crc32c="AAAAAA==",
    )  # fmt: skip
