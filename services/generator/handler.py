"""The use case: one wake-up of one track, from the claim to the announced ending."""

import logging
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from services.generator.claim import Claim, Lost, Refused, take
from services.generator.clips import Clips
from services.generator.erasing import Eraser
from services.generator.finals import Finals
from services.generator.finishing import Finishing
from services.generator.line import Line
from services.generator.reporter import Reporter
from services.generator.sound import prepare
from services.generator.stops import Ended, Parked, Stopping, obey
from shared import rules, shutdown, signals, tracing
from shared.cures import failure
from shared.endings import Ending, Judge, announce, end, note
from shared.errors import Code, PermanentError, StorageUnavailable
from shared.events import Delivery
from shared.failpoints import failpoint
from shared.logs import log_context
from shared.messages import TrackRequested, decode_request, encode
from shared.ports import Objects, Publisher, Store
from shared.timing import Timing
from shared.track import Park, Stage, Status, Track

log = logging.getLogger(__name__)

SOURCE = "generator"
_LOOK = 0.5
"""Seconds between two looks at why not to wait for a finisher any longer."""
_FINISHERS = 2
"""Tracks that are mastered and encoded at once: five minutes of sound take 200 MB."""


class Generator:
    """Makes tracks; thread-safe, one per process."""

    def __init__(
        self,
        *,
        store: Store,
        events: Publisher,
        progress: Publisher,
        prompts: Objects,
        clips: Clips,
        finals: Finals,
        eraser: Eraser,
        line: Line,
        timing: Timing,
        slots: int,
        label: str = "",
    ) -> None:
        """*progress* carries live events; *slots*: tracks worked on at once in this process.

        *line*: those who wait for one. *label*: the model's name in files.
        """
        self._store = store
        self._events = events
        self._reporter = Reporter(progress)
        self._prompts = prompts
        self._clips = clips
        self._finals = finals
        self._finishing = Finishing(finals)
        self._eraser = eraser
        self._line = line
        self._finishers = threading.BoundedSemaphore(_FINISHERS)
        self._timing = timing
        self._label = label
        self._slots = threading.BoundedSemaphore(slots)

    def handle(self, delivery: Delivery) -> None:
        """Do what one delivery of ``track.requested.v1`` asks for, as far as it is still asked.

        Raises:
            Malformed: the message is not ours to understand (400).
            Stopping, StoreUnavailable: deliver it again (503).
        """
        message = decode_request(delivery.data)
        if shutdown.stopping():
            raise Stopping("the process is going away")
        with log_context(request_id=message.request_id, run=message.run, tenant=message.tenant):
            with tracing.span("claim"):
                claim = take(self._store, message.request_id, message.run, self._timing)
            if isinstance(claim, Refused):
                log.info("nothing to claim", extra={"must_end": claim.must_end})
                if claim.must_end:
                    self.end_unclaimed(message.request_id, message.run)
                if claim.must_erase:
                    self._eraser.try_to(message.request_id)
                return
            failpoint("after_claim", message.request_id)
            failpoint("after_each_claim", f"{message.request_id}-{claim.epoch}")
            try:
                self._work(claim, message)
            finally:  # what a worker that was too late has stored, it takes back
                self._eraser.try_to(message.request_id)
                self._wake_next()

    def _wake_next(self) -> None:
        """Whoever leaves a slot free, or parked while one became free, wakes the next in line."""
        if not shutdown.stopping() and self._slots.acquire(blocking=False):
            self._slots.release()
            self._line.wake()

    def end_unclaimed(self, request_id: str, run: int) -> None:
        """End a track that nobody holds and that must not go on; whoever comes first does it."""

        def judge(track: Track, now: datetime) -> Ending | None:
            status = rules.must_end(track, now)
            mine = track.run == run and not track.live(now)
            return Ending(status) if mine and status else None

        self._end(request_id, judge, uuid.uuid4().hex)

    def announce(self, request_id: str, *, again: bool = False) -> None:
        """Publish what the track's endings still have to say."""
        prepare = self._finals.store_error
        announce(self._store, self._events, request_id, again=again, prepare=prepare)

    def clean(self, track: Track) -> None:
        """Delete the raw clips of a completed track whose time has come.

        Raises:
            StorageUnavailable: the bucket does not answer.
        """
        self._clips.delete(track)
        note(self._store, track.request_id, rules.clips_deleted)

    def erase(self, request_id: str) -> None:
        """Delete every object of an erased track; raises as ``Eraser.erase``."""
        self._eraser.erase(request_id)

    def _work(self, claim: Claim, message: TrackRequested) -> None:
        try:
            with claim.kept(), self._reporter.following(claim):
                ending = self._attempt(claim, message)
        except Lost:
            log.info("claim lost")
        except Parked as stop:
            if stop.refusal and rules.given_up(claim.track, claim.now(), self._timing):
                error = failure(Code.MODEL_UNAVAILABLE, "The model is out of order.")
                self._finish(claim, Ending(Status.FAILED, error=error))
            else:
                self._park(claim, stop)
        except StorageUnavailable as exc:
            self._park(claim, Parked(Park.FAULT, exc.code))
        else:
            self._finish(claim, ending)

    def _attempt(self, claim: Claim, message: TrackRequested) -> Ending:
        if not self._slots.acquire(blocking=False):
            raise Parked(Park.SLOT, "slot")
        try:
            self._archive(message)
            return self._make(claim)
        except Ended as stop:
            return stop.ending
        except PermanentError as exc:
            return Ending(Status.FAILED, error=failure(Code(exc.code), str(exc)))
        finally:
            self._slots.release()

    def _archive(self, message: TrackRequested) -> None:
        """Keep the accepted request as it came; every claim tries, the first one succeeds."""
        name = f"requests/{message.request_id}.json"
        self._prompts.write(name, encode(message), "application/json", replaces=0)

    def _make(self, claim: Claim) -> Ending:
        versions = self._clips.all(claim)
        with self._finisher(claim):
            self._stage(claim, Stage.MASTERING)
            clips = self._clips.read(claim, versions)
            with tracing.span("master"):
                sound = prepare(clips, versions, claim.track, self._label)
            del clips
            failpoint("after_mastering", claim.request_id)
            self._stage(claim, Stage.STORING)
            with tracing.span("store"):
                result = self._finishing.finish(claim, sound)
        failpoint("before_finish", claim.request_id)
        return Ending(Status.COMPLETED, result=result)

    @contextmanager
    def _finisher(self, claim: Claim) -> Iterator[None]:
        """One of the few places where sound is finished."""
        while not self._finishers.acquire(timeout=_LOOK):
            obey(claim.track)
            _stay()
        try:
            yield
        finally:
            self._finishers.release()

    def _stage(self, claim: Claim, stage: Stage) -> None:
        _stay()
        obey(claim.write(lambda track, now: rules.staged(track, stage, now)))

    def _park(self, claim: Claim, stop: Parked) -> None:
        def parked(track: Track, now: datetime) -> Track:
            return rules.parked(
                track,
                stop.park,
                now,
                self._timing,
                retry_after=stop.retry_after,
                unpaid=stop.unpaid,
                refusal=stop.refusal,
                asked=stop.asked,
                doubtful=claim.doubtful,
            )

        try:
            track = claim.write(parked)
        except Lost:
            return
        signals.tell(signals.PARKED, park=stop.park.value, code=str(stop.code))
        if track.cancel_requested:
            self.end_unclaimed(claim.request_id, claim.run)
        if stop.park is Park.STOPPED:
            raise Stopping("the process is going away")

    def _finish(self, claim: Claim, ending: Ending) -> None:
        """End our own track; a wish to cancel that has come meanwhile is granted."""

        def judge(track: Track, _now: datetime) -> Ending | None:
            if (track.epoch, track.run) != (claim.epoch, claim.run):
                return None
            return Ending(Status.CANCELLED) if track.cancel_requested else ending

        self._end(claim.request_id, judge, claim.holder)

    def _end(self, request_id: str, judge: Judge, nonce: str) -> None:
        with tracing.span("finish"):
            status = end(
                self._store, request_id, judge, nonce=nonce, source=SOURCE, timing=self._timing
            )
            if status:
                self.announce(request_id)


def _stay() -> None:
    """Raise ``Parked`` when the process is going away."""
    if shutdown.stopping():
        raise Parked(Park.STOPPED, Stopping.code)
