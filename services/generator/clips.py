"""Look before you pay: a clip that is stored is read, never bought again."""

import logging
import threading
from collections.abc import Sequence
from functools import partial
from typing import Final

from services.generator.audio.wav import judge, read_header
from services.generator.calls import Calls, refusal, refuse
from services.generator.claim import Claim
from services.generator.prompt import Version
from services.generator.together import Halt, together
from shared import rules
from shared.errors import Code
from shared.models import MODELS
from shared.ports import Objects
from shared.track import Track

log = logging.getLogger(__name__)

AT_ONCE: Final = 4
"""Clips of one track that are obtained at the same time."""


class Clips:
    """Obtains the raw clips of a track."""

    def __init__(self, objects: Objects, calls: Calls) -> None:
        """Clips live in *objects* as ``clips/ID/i-n.wav``."""
        self._objects = objects
        self._calls = calls

    def all(self, claim: Claim) -> list[Version]:
        """The first usable version of each clip of the track, stored by now.

        Their bytes are not kept: a track may wait long for its last clip.

        Raises:
            Parked, Ended: this claim has to stop, and how.
            Lost: the track is somebody else's.
            StorageUnavailable: the bucket does not answer.
            StoreUnavailable: Firestore does not.
        """
        request = claim.track.request
        count = MODELS[request.model].clips(request.duration_seconds, loop=request.loop)
        done = _Done(claim, count)
        steps = [partial(self._usable, claim, Version(i, count), done) for i in range(count)]
        return together(steps, AT_ONCE)

    def read(self, claim: Claim, versions: Sequence[Version]) -> list[bytes]:
        """The bytes of stored versions.

        Raises:
            StorageUnavailable: the bucket does not answer.
        """

        def read(version: Version, _: Halt) -> bytes:
            return self._objects.read(version.object(claim.request_id))

        return together([partial(read, version) for version in versions], AT_ONCE)

    def _usable(self, claim: Claim, first: Version, done: "_Done", halt: Halt) -> Version:
        version = self._obtain(claim, first, halt)
        done.one_more()
        return version

    def _obtain(self, claim: Claim, version: Version, halt: Halt) -> Version:
        verdict = Code.AUDIO_INVALID
        while True:
            halt.check()
            data = self._stored(claim, version)
            refused = refusal(claim.track, version)
            if data is None and refused is None:
                data = self._calls.buy(claim, version, verdict, halt)
                if data is None:
                    continue  # look again: refused, as the document says, or too late to call
            found = refused if data is None else fault(data, claim.track)
            if found is None:
                return version
            verdict = found
            if data is not None:
                refuse(claim, version, verdict)
            seen = {"clip": version.clip, "n": version.n, "code": verdict}
            log.info("version refused", extra=seen)
            version = version.next()

    def _stored(self, claim: Claim, version: Version) -> bytes | None:
        name = version.object(claim.request_id)
        return self._objects.read(name) if self._objects.look(name) else None

    def delete(self, track: Track) -> None:
        """Delete every clip of *track*; what is gone already does no harm.

        Raises:
            StorageUnavailable: the bucket does not answer.
        """
        for stored in self._objects.list(f"clips/{track.request_id}/"):
            self._objects.delete(stored)


class _Done:
    """Counts usable clips, and tells the document how far the track is."""

    def __init__(self, claim: Claim, count: int) -> None:
        self._claim = claim
        self._count = count
        self._usable = 0
        self._lock = threading.Lock()

    def one_more(self) -> None:
        with self._lock:
            self._usable += 1
            share = self._usable / self._count
        if self._count > 1:
            self._claim.write(lambda track, now: rules.clips_usable(track, share, now))


def fault(data: bytes, track: Track) -> Code | None:
    """What is wrong with a stored clip; one that is too short for its share is of no use."""
    found = judge(data)
    if found is not None:
        return found
    request = track.request
    share = MODELS[request.model].share(request.duration_seconds, loop=request.loop)
    return Code.AUDIO_INVALID if read_header(data).frames < share else None
