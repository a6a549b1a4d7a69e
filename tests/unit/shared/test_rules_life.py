from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared import rules, turns
from shared.clock import seconds
from shared.retrying import retried
from shared.track import Park, Stage, Status, Track
from tests.support.rules import ENDINGS, START, TIMING, ending, new


class Life(RuleBasedStateMachine):
    """Any sequence of rules, each where its caller may apply it; the world's clock runs on."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.track = new(lifetime=7200, callback_url="https://hooks.example/")
        self.before = self.track
        self.tokens = 0
        self.spent = 0

    def then(self, track: Track) -> None:
        self.before, self.track = self.track, track

    @property
    def held(self) -> bool:
        return self.track.live(self.now)

    @property
    def open(self) -> bool:
        return not self.track.status.ended

    @rule(by=st.floats(0, 900))
    def time_goes_by(self, by: float) -> None:
        self.now += seconds(by)

    @precondition(lambda self: self.open and not self.held)
    @rule()
    def claim(self) -> None:
        waits = self.track.not_before is not None and self.track.not_before > self.now
        if not waits and rules.must_end(self.track, self.now) is None:
            self.then(rules.claimed(self.track, "h", self.now, TIMING))
            assert self.track.live(self.now)

    @precondition(lambda self: self.held)
    @rule()
    def renew(self) -> None:
        self.then(rules.renewed(self.track, self.now, TIMING))

    @precondition(lambda self: self.held)
    @rule(stage=st.sampled_from([Stage.GENERATING, Stage.MASTERING, Stage.STORING]))
    def stage(self, stage: Stage) -> None:
        self.then(rules.staged(self.track, stage, self.now))

    @precondition(lambda self: self.held)
    @rule(clip=st.integers(0, 2), n=st.integers(1, 5), own=st.booleans())
    def call(self, clip: int, n: int, *, own: bool) -> None:
        grant = not own and turns.has_grant(self.track, self.now)
        if not rules.exhausted(self.track, clip, n) and (own or grant):
            self.tokens += own
            self.spent += 1
            self.then(rules.called(self.track, clip, n, "n", self.now, spends_grant=grant))

    @precondition(lambda self: self.open and not self.held and self.track.park is Park.QUOTA)
    @rule(wait=st.floats(0, 600))
    def take_turns(self, wait: float) -> None:
        if turns.has_grant(self.track, self.now) or self.now >= self.track.deadline:
            return
        if wait:
            self.then(turns.turned_away(self.track, self.now + seconds(wait)))
        else:
            self.tokens += 1
            self.then(turns.granted(self.track, self.now, TIMING))
            assert turns.has_grant(self.track, self.now)

    @precondition(lambda self: self.held)
    @rule(share=st.floats(0, 1))
    def one_more_clip(self, share: float) -> None:
        self.then(rules.clips_usable(self.track, share, self.now))

    @precondition(lambda self: self.held)
    @rule()
    def store_clip(self) -> None:
        self.then(rules.clip_stored(self.track))

    @precondition(lambda self: self.held)
    @rule(
        park=st.sampled_from(list(Park)[1:]),
        after=st.floats(0, 5000),
        unpaid=st.booleans(),
        refusal=st.booleans(),
    )
    def park(self, park: Park, after: float, *, unpaid: bool, refusal: bool) -> None:
        self.then(
            rules.parked(
                self.track,
                park,
                self.now,
                TIMING,
                retry_after=after,
                unpaid=unpaid,
                refusal=refusal,
            )
        )

    @precondition(lambda self: not self.held)
    @rule()
    def sweep(self) -> None:
        due = self.track.wake_at is not None and self.track.wake_at <= self.now
        if due and (self.track.status.ended or self.now < self.track.deadline):
            self.then(rules.moved_on(self.track, self.now, TIMING))
            assert self.track.wake_at is not None
            assert self.track.wake_at > self.now

    @precondition(lambda self: self.open)
    @rule(status=st.sampled_from(ENDINGS))
    def end(self, status: Status) -> None:
        self.then(ending(self.track, status, self.now))

    @precondition(lambda self: self.track.status in {Status.FAILED, Status.EXPIRED})
    @rule()
    def retry(self) -> None:
        self.then(retried(self.track, "n", self.now, TIMING))

    @precondition(lambda self: bool(self.track.announcements))
    @rule(at=st.integers(0, 9), recorded=st.booleans())
    def mark(self, at: int, *, recorded: bool) -> None:
        event = self.track.announcements[at % len(self.track.announcements)].event_id
        marks: dict[str, Any] = {"recorded": event} if recorded else {"published": {event}}
        self.then(rules.marked(self.track, **marks))

    @invariant()
    def what_is_open_is_looked_at_by_its_deadline(self) -> None:
        track = self.track
        if self.open:
            assert track.wake_at is not None
            assert track.wake_at <= track.deadline or track.wake_at == track.lease_expires_at

    @invariant()
    def a_lease_is_watched(self) -> None:
        if self.held:
            assert self.track.wake_at == self.track.lease_expires_at

    @invariant()
    def only_a_settled_track_rests(self) -> None:
        if self.track.wake_at is None:
            assert self.track.status.ended
            assert all(a.published and a.recorded for a in self.track.announcements)

    @invariant()
    def nothing_goes_back(self) -> None:
        before, after = self.before, self.track
        for name in ("run", "epoch", "sequence"):
            assert getattr(after, name) >= getattr(before, name)
        if after.run == before.run:
            assert after.progress >= before.progress
            assert after.provider_calls >= before.provider_calls
        owed = [a.data for a in before.announcements if not (a.published and a.recorded)]
        assert set(owed) <= {a.data for a in after.announcements}

    @invariant()
    def a_run_ends_once_and_only_ended_tracks_expire(self) -> None:
        ids = [a.event_id for a in self.track.announcements]
        assert len(ids) == len(set(ids))
        assert (self.track.expire_at is not None) == self.track.status.ended
        assert (self.track.ended_at is not None) == self.track.status.ended

    @invariant()
    def no_call_without_a_token(self) -> None:
        assert self.spent <= self.tokens
        assert not (self.track.status.ended and self.track.grant_until)

    @invariant()
    def attempts_stay_in_bounds(self) -> None:
        assert 0 <= self.track.attempts <= rules.MAX_CLAIMS
        assert 0.0 <= self.track.progress <= 1.0


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestLife = Life.TestCase
