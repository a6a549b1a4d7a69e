"""A paid call: a token of the quota, a fenced write, the call, and its reply in the bucket."""

import threading
import time
import uuid
from datetime import datetime
from typing import Final

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
from shared import rules, shutdown
from shared.cures import failure
from shared.endings import Ending
from shared.errors import Code, PermanentError, StorageUnavailable
from shared.failpoints import failpoint
from shared.ports import Objects
from shared.timing import Timing
from shared.track import Park, Status, Track

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
        with self._places:
            halt.check()
            self._check(claim, version, verdict, claim.track, claim.now())
            token = self._quota.token(claim, halt)
            halt.check()
            try:
                self._announce_call(claim, version, verdict, token=token)
            except _GrantGone:
                return None
            failpoint("before_model_call", claim.request_id)
            if not claim.fresh():
                return None  # frozen since: who knows who has bought it meanwhile
            reply = self._call(claim, version)
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
            if not token and not rules.has_grant(track, now):
                raise _GrantGone
            return rules.called(track, version.clip, version.n, nonce, now, spends_grant=not token)

        claim.write(before)

    def _call(self, claim: Claim, version: Version) -> Clip | None:
        request = clip_request(claim.track.request, claim.request_id, version)
        try:
            return self._generate(claim, request)
        except NothingToStore as exc:
            code = exc.code
            claim.write(lambda track, _: _refuse(track, version, code))
            return None

    def _generate(self, claim: Claim, request: ClipRequest) -> Clip:
        try:
            return self._model.generate(request)
        except QuotaExceeded as exc:
            raise Parked(Park.QUOTA, exc.code, retry_after=exc.retry_after) from exc
        except ModelUnavailable as exc:
            if exc.refused and rules.given_up(claim.track, claim.now(), self._timing):
                raise Ended(_failed(Code.MODEL_UNAVAILABLE, "The model is out of order.")) from exc
            raise Parked(Park.FAULT, exc.code, unpaid=True, refusal=exc.refused) from exc
        except ReplyLost as exc:
            raise Parked(Park.FAULT, exc.code) from exc
        except PermanentError as exc:
            raise Ended(_failed(Code(exc.code), str(exc))) from exc

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
                    raise Parked(Park.FAULT, exc.code) from exc
                time.sleep(self._timing.lease * _PAUSE)
        failpoint("after_clip_stored", claim.request_id)
        claim.write(lambda track, _: rules.clip_stored(track))
        return clip.data if stored else self._objects.read(name)


def refusal(track: Track, version: Version) -> Code | None:
    """Why the model gave nothing to store for *version*, if it was asked and did not."""
    mine = (version.clip, version.n)
    return next((Code(r.code) for r in track.refusals if (r.clip, r.n) == mine), None)


def _refuse(track: Track, version: Version, code: str) -> Track:
    if refusal(track, version):
        return track
    return rules.refused(track, version.clip, version.n, code)


def _failed(code: Code, message: str) -> Ending:
    return Ending(Status.FAILED, error=failure(code, message))
