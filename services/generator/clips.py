"""Look before you pay: a clip that is stored is read, never bought again."""

import logging
import time
import uuid
from datetime import datetime
from typing import Final

from services.generator.audio.pcm import RATE
from services.generator.audio.wav import judge, read_header
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
from services.generator.prompt import clip_request
from services.generator.stops import Ended, Parked, obey
from shared import rules, shutdown
from shared.endings import Ending
from shared.errors import Code, PermanentError, StorageUnavailable
from shared.failpoints import failpoint
from shared.ports import Objects
from shared.timing import Timing
from shared.track import Park, Status, Track

log = logging.getLogger(__name__)

_MIME: Final = "audio/wav"
_PAUSE: Final = 1 / 90
"""Between two tries of an upload that must succeed, in leases."""
_MESSAGES: Final = {
    Code.PROMPT_RECITATION: "Every version of the clip resembled existing music.",
    Code.MODEL_REJECTED: "The model answered without audio each time.",
    Code.AUDIO_SILENT: "Every version of the clip was silent.",
    Code.AUDIO_CLIPPED: "Every version of the clip was clipped.",
    Code.AUDIO_INVALID: "The model's audio could not be read.",
}


class Clips:
    """Obtains the raw clips of a track, paying for each at most once per failure in flight."""

    def __init__(self, objects: Objects, model: MusicModel, timing: Timing) -> None:
        """Clips live in *objects* as ``clips/ID/i-n.wav``."""
        self._objects = objects
        self._model = model
        self._timing = timing

    def obtain(self, claim: Claim, clip: int) -> tuple[bytes, int]:
        """The first usable version of *clip* (from 0), stored or else bought, and its number.

        Raises:
            Parked, Ended: this claim has to stop, and how.
            Lost: the track is somebody else's.
            StorageUnavailable: the bucket does not answer.
        """
        n, verdict = 1, Code.AUDIO_INVALID
        while True:
            data = self._stored(claim, clip, n)
            refusal = _refusal(claim.track, clip, n)
            if data is None and refusal is None:
                data = self._buy(claim, clip, n, verdict)
                if data is None:
                    continue  # look again: refused, as the document says, or too late to call
            found = _fault(data, claim.track) if data else refusal
            if data and found is None:
                return data, n
            verdict = found or verdict
            log.info("version refused", extra={"clip": clip, "n": n, "code": verdict})
            n += 1

    def _stored(self, claim: Claim, clip: int, n: int) -> bytes | None:
        name = _name(claim, clip, n)
        return self._objects.read(name) if self._objects.look(name) else None

    def _buy(self, claim: Claim, clip: int, n: int, verdict: Code) -> bytes | None:
        """One paid call, its reply stored before anybody looks at it; None: nothing came of it."""
        request = clip_request(claim.track.request, claim.request_id, clip, n)
        self._announce_call(claim, clip, n, verdict)
        failpoint("before_model_call", claim.request_id)
        if not claim.fresh():
            return None  # frozen since: who knows who has bought it meanwhile
        reply = self._call(claim, request, clip, n)
        failpoint("after_model_reply", claim.request_id)
        return self._keep(claim, _name(claim, clip, n), reply) if reply else None

    def _announce_call(self, claim: Claim, clip: int, n: int, verdict: Code) -> None:
        """The fenced write before each paid call; the last place to decide against it."""
        nonce = uuid.uuid4().hex

        def before(track: Track, now: datetime) -> Track:
            if any(call.nonce == nonce for call in track.calls):
                return track
            self._may_call(claim, track, now)
            if rules.exhausted(track, clip, n):
                raise Ended(_failed(verdict, _MESSAGES[verdict]))
            return rules.called(track, clip, n, nonce, now)

        claim.write(before)

    def _may_call(self, claim: Claim, track: Track, now: datetime) -> None:
        obey(track)
        if now >= track.deadline:
            raise Ended(Ending(Status.EXPIRED))
        if shutdown.stopping():
            raise Parked(Park.STOPPED, "stopping")
        if claim.left(now) < self._timing.model_attempt + self._timing.slot_wait:
            raise Parked(Park.BUDGET, "budget")

    def _call(self, claim: Claim, request: ClipRequest, clip: int, n: int) -> Clip | None:
        try:
            reply = self._model.generate(request)
        except NothingToStore as exc:
            code = exc.code
            claim.write(lambda track, _: _refuse(track, clip, n, code))
            return None
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
        return reply

    def _keep(self, claim: Claim, name: str, clip: Clip) -> bytes:
        """Store a paid reply, however long the bucket takes, within this push's budget.

        Not even SIGTERM ends this before SIGKILL does: what is lost here is paid again.
        """
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


def _fault(data: bytes, track: Track) -> Code | None:
    """What is wrong with a stored clip; one that is too short cannot be cut to length."""
    found = judge(data)
    short = found is None and read_header(data).frames < track.request.duration_seconds * RATE
    return Code.AUDIO_INVALID if short else found


def _name(claim: Claim, clip: int, n: int) -> str:
    return f"clips/{claim.request_id}/{clip}-{n}.wav"


def _refusal(track: Track, clip: int, n: int) -> Code | None:
    return next((Code(r.code) for r in track.refusals if (r.clip, r.n) == (clip, n)), None)


def _refuse(track: Track, clip: int, n: int, code: str) -> Track:
    return track if _refusal(track, clip, n) else rules.refused(track, clip, n, code)


def _failed(code: Code, message: str) -> Ending:
    return Ending(Status.FAILED, error=rules.failure(code, message))
