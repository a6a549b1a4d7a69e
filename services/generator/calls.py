"""A paid call: a token of the quota, a fenced write, the call, and its reply in the bucket."""

import threading
import time
import uuid
from datetime import datetime
from typing import Final

from services.generator import told
from services.generator.claim import Claim
from services.generator.model import (
    Clip,
    ClipRequest,
    ModelUnavailable,
    MusicModel,
    NothingToStore,
    QuotaExceeded,
    ReplyLost,
)
from services.generator.prompt import Version, clip_request
from services.generator.quota import Quota
from services.generator.stops import Ended, Parked, obey
from services.generator.together import Halt
from shared import rules, shutdown, turns
from shared.cures import failure
from shared.endings import Ending
from shared.errors import Code, PermanentError, StorageUnavailable
from shared.failpoints import failpoint
from shared.ports import Objects
from shared.timing import Timing
from shared.track import Park, Status, Track

_LOOK: Final = 0.5
"""Seconds between two looks at why not to wait for a place any longer."""
_MIME: Final = "audio/wav"
_PAUSE: Final = 1 / 90
"""Between two tries of an upload that must succeed, in leases."""
MESSAGES: Final = {
    Code.PROMPT_RECITATION: "Every version of the clip resembled existing music.",
    Code.MODEL_REJECTED: "The model answered without audio each time.",
    Code.AUDIO_SILENT: "Every version of the clip was silent: wholly, for long, or on one side.",
    Code.AUDIO_CLIPPED: "Every version of the clip was clipped.",
    Code.AUDIO_INVALID: "The model's audio could not be used.",
}


class _GrantGone(Exception):
    """Another clip's call has spent the grant, or it has lapsed."""


class Calls:
    """Buys clips, each at most once per failure in flight; thread-safe, one per process."""

    def __init__(
        self, objects: Objects, model: MusicModel, quota: Quota, timing: Timing, *, at_once: int
    ) -> None:
        """*at_once*: calls in flight in this process; a reply takes some 30 MB on its way."""
        self._objects = objects
        self._model = model
        self._quota = quota
        self._timing = timing
        self._places = threading.BoundedSemaphore(at_once)

    def buy(self, claim: Claim, version: Version, verdict: Code, halt: Halt) -> bytes | None:
        """One paid call, its reply stored before anybody looks at it; None: look again.

        *verdict* is what the versions before it were refused for.

        Raises:
            Parked, Ended: this claim has to stop, and how.
            Halted: another clip's reason to stop.
            Lost: the track is somebody else's.
        """
        self._check(claim, version, verdict, claim.track, claim.now())
        token = self._quota.token(claim, halt)
        try:
            self._place(claim, version, verdict, halt)
        except BaseException:
            if token:
                self._quota.unused()
            raise
        try:
            return self._bought(claim, version, verdict, halt, token=token)
        except _GrantGone:
            return None
        finally:
            self._places.release()

    def _place(self, claim: Claim, version: Version, verdict: Code, halt: Halt) -> None:
        """Wait for a free place among the calls in flight, as long as nothing speaks against it."""
        while not self._places.acquire(timeout=_LOOK):
            self._check(claim, version, verdict, claim.track, claim.now())
            _go_on(halt)

    def _bought(
        self, claim: Claim, version: Version, verdict: Code, halt: Halt, *, token: bool
    ) -> bytes | None:
        self._announce_call(claim, version, verdict, token=token)
        failpoint("before_model_call", claim.request_id)
        self._check(claim, version, verdict, claim.track, claim.now())
        _go_on(halt)
        if not claim.fresh():
            return None  # frozen since: who knows who has bought it meanwhile
        with claim.in_flight(), told.call(claim.track.request.model, version) as call:
            reply = self._call(claim, version, call)
            failpoint("after_model_reply", claim.request_id)
            return self._keep(claim, version, reply) if reply else None

    def _check(
        self, claim: Claim, version: Version, verdict: Code, track: Track, now: datetime
    ) -> None:
        """All that speaks against a call."""
        obey(track)
        if now >= track.deadline:
            raise Ended(Ending(Status.EXPIRED))
        if shutdown.stopping():
            raise Parked(Park.STOPPED, "stopping")
        if claim.left(now) < self._timing.model_attempt + self._timing.slot_wait:
            raise Parked(Park.BUDGET, "budget")
        if rules.exhausted(track, version.clip, version.n):
            raise Ended(_failed(verdict, MESSAGES[verdict]))

    def _announce_call(self, claim: Claim, version: Version, verdict: Code, *, token: bool) -> None:
        """The fenced write before each paid call; the last place to decide against it."""
        nonce = uuid.uuid4().hex

        def before(track: Track, now: datetime) -> Track:
            if any(call.nonce == nonce for call in track.calls):
                return track
            self._check(claim, version, verdict, track, now)
            if not token and not turns.has_grant(track, now):
                raise _GrantGone
            return rules.called(track, version.clip, version.n, nonce, now, spends_grant=not token)

        claim.write(before)

    def _call(self, claim: Claim, version: Version, call: told.Call) -> Clip | None:
        request = clip_request(claim.track.request, claim.request_id, version)
        try:
            return self._generate(claim, request, call)
        except NothingToStore as exc:
            refuse(claim, version, Code(exc.code))
            return None

    def _generate(self, claim: Claim, request: ClipRequest, call: told.Call) -> Clip:
        try:
            return self._answered(request, call)
        except QuotaExceeded as exc:
            raise Parked(Park.QUOTA, exc.code, retry_after=exc.retry_after) from exc
        except ModelUnavailable as exc:
            raise Parked(Park.FAULT, exc.code, unpaid=True, refusal=exc.refused) from exc
        except ReplyLost as exc:
            claim.doubtful = True
            raise Parked(Park.FAULT, exc.code) from exc
        except PermanentError as exc:
            raise Ended(_failed(Code(exc.code), str(exc))) from exc

    def _answered(self, request: ClipRequest, call: told.Call) -> Clip:
        try:
            return self._model.generate(request)
        except Exception as exc:
            call.failed(exc)
            raise
        finally:
            call.answered()

    def _keep(self, claim: Claim, version: Version, clip: Clip) -> bytes:
        """Store a paid reply, however long the bucket takes, within this push's budget.

        Not even SIGTERM ends this before SIGKILL does: what is lost here is paid again.
        """
        name = version.object(claim.request_id)
        while True:
            try:
                stored = self._objects.write(name, clip.data, _MIME, replaces=0)
                break
            except StorageUnavailable as exc:
                if claim.left() < 0:
                    claim.doubtful = True
                    raise Parked(Park.FAULT, exc.code) from exc
                time.sleep(self._timing.lease * _PAUSE)
        failpoint("after_clip_stored", claim.request_id)
        claim.write(lambda track, _: rules.clip_stored(track))
        return clip.data if stored else self._objects.read(name)


def _go_on(halt: Halt) -> None:
    """Stop for any reason but one: a sibling that waits for its turn under our own quota.

    That takes no call from a clip whose turn has come, or tokens would be lost each time.
    """
    if not (isinstance(halt.reason, Parked) and not halt.reason.asked):
        halt.check()


def refuse(claim: Claim, version: Version, code: Code) -> None:
    """Note that *version* is no good: nobody asks for it again, not even when it is deleted."""

    def noted(track: Track, _now: datetime) -> Track:
        if refusal(track, version):
            return track
        return rules.refused(track, version.clip, version.n, code)

    claim.write(noted)


def refusal(track: Track, version: Version) -> Code | None:
    """Why the model gave nothing to store for *version*, if it was asked and did not."""
    mine = (version.clip, version.n)
    return next((Code(r.code) for r in track.refusals if (r.clip, r.n) == mine), None)


def _failed(code: Code, message: str) -> Ending:
    return Ending(Status.FAILED, error=failure(code, message))
