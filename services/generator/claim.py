"""A claim: the lease on one track, and the only writer of its document while it is held."""

import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared import rules
from shared.clock import seconds
from shared.endings import ROUNDS
from shared.errors import CommitUnclear, StoreUnavailable
from shared.failpoints import failpoint
from shared.ports import Store, Update
from shared.timing import Timing
from shared.track import TRACKS, Track

log = logging.getLogger(__name__)

_SOON: Final = 1 / 6
"""Pause after a failed renewal, in renewals."""

Change = Callable[[Track, datetime], Track]
"""The next document, or the same one when nothing is left to write."""


class Lost(Exception):
    """The track has another epoch or run, or has ended: this worker has no say any more."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a delivery got no claim, and what it asks of its caller instead."""

    must_end: bool = False
    must_erase: bool = False


class Claim:
    """One holder's hold on one track."""

    def __init__(self, store: Store, track: Track, timing: Timing) -> None:
        """Wrap a claim that is already committed; ``take`` makes one."""
        assert track.lease_expires_at is not None  # noqa: S101 - `claimed` sets it
        self.request_id = track.request_id
        self.holder = track.holder
        self.run = track.run
        self.epoch = track.epoch
        self.track = track
        """The newest document this claim has seen."""
        self.doubtful = False
        """Whether a call of this claim may have been paid for nothing."""
        self._flying = 0
        self._called = False
        self._store = store
        self._timing = timing
        self._claimed_at = track.lease_expires_at - seconds(timing.lease)
        self._renewed_at = self._claimed_at
        self._lock = threading.Lock()
        self._counting = threading.Lock()

    def write(self, change: Change) -> Track:
        """Commit *change* under the fence, renewing the lease with it; return the document.

        Raises:
            Lost: somebody else has the track, or it has ended.
            StoreUnavailable: Firestore gave no verdict.
        """
        with self._lock:
            for _ in range(ROUNDS):
                seen = self._store.get(TRACKS, self.request_id)
                track = self._fenced(seen.value)
                if track.holder != self.holder:  # our own park: nobody else keeps the epoch
                    return track
                now = self._store.clock.now()
                changed = change(track, now)
                renews = bool(changed.holder) and self.left(now) >= 0
                if renews:
                    changed = rules.renewed(changed, now, self._timing)
                try:
                    assert seen.version is not None  # noqa: S101 - it has a value
                    self._store.commit(Update(TRACKS, seen.id, changed, seen.version))
                except CommitUnclear:
                    continue
                self.track = changed
                if renews:
                    self._renewed_at = now
                return changed
            raise StoreUnavailable("a fenced write found no quiet moment")

    def _fenced(self, track: Track | None) -> Track:
        mine = track is not None and (track.epoch, track.run) == (self.epoch, self.run)
        if track is None or not mine or track.status.ended:
            raise Lost(self.request_id)
        return track

    def renew(self) -> Track:
        """Hold the lease from now on; also how a cancel wish is noticed."""
        return self.write(lambda track, _now: track)

    def fresh(self) -> bool:
        """Whether the last renewal is young enough to start something that cannot be undone."""
        return self._store.clock.now() - self._renewed_at <= seconds(self._timing.fresh)

    def now(self) -> datetime:
        """The store's time."""
        return self._store.clock.now()

    def left(self, now: datetime | None = None) -> float:
        """Seconds of this push's budget that are left."""
        now = now or self._store.clock.now()
        return self._timing.budget - (now - self._claimed_at).total_seconds()

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Around a paid call."""
        with self._counting:
            self._called = True
            self._flying += 1
        try:
            yield
        finally:
            with self._counting:
                self._flying -= 1

    def may_wait(self, wait: float) -> bool:
        """Whether to stay for *wait* seconds until a token comes, instead of parking.

        A fresh claim has the patience of a push; later it stays only while a call is in flight,
        as it has to then anyway: else it would keep its slot from others.
        """
        with self._counting:
            if self._called:
                return self._flying > 0
        return self._timing.budget - self.left() + wait <= self._timing.token_wait

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew in the background, also while a model call blocks; ends with the block."""
        over = threading.Event()
        context = copy_context()  # the thread logs as the delivery that started it
        thread = threading.Thread(target=context.run, args=(self._renewals, over), name="renewals")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _renewals(self, over: threading.Event) -> None:
        pause = self._timing.renew
        while not over.wait(pause) and self.left() >= 0:
            pause = self._timing.renew
            try:
                failpoint("before_renewal", self.request_id)
                self.renew()
            except Lost:
                return
            except Exception:  # without renewals somebody else would pay for the same clip
                log.exception("renewal failed")
                pause = self._timing.renew * _SOON


def take(store: Store, request_id: str, run: int, timing: Timing) -> Claim | Refused:
    """Claim a track for this delivery.

    A delivery gets nothing when the track is unknown, ended, of another run, under a live
    lease, or parked until later.

    Raises:
        StoreUnavailable: Firestore gave no verdict.
    """
    holder = uuid.uuid4().hex
    for _ in range(ROUNDS):
        seen = store.get(TRACKS, request_id)
        track, now = seen.value, store.clock.now()
        if track is None or track.status.ended or track.run != run:
            return Refused(must_erase=track is not None and track.erased)
        if track.holder == holder:
            return Claim(store, track, timing)
        if track.live(now):
            return Refused()
        if rules.must_end(track, now):
            return Refused(must_end=True)
        if track.not_before is not None and track.not_before > now:
            return Refused()
        claimed = rules.claimed(track, holder, now, timing)
        try:
            assert seen.version is not None  # noqa: S101 - it has a value
            store.commit(Update(TRACKS, request_id, claimed, seen.version))
        except CommitUnclear:
            continue
        return Claim(store, claimed, timing)
    raise StoreUnavailable("a claim found no quiet moment")
