"""The objects a finished track consists of, each written under the claim's fence."""

import hashlib
import io
import json
from typing import Final

from services.generator.audio.encoders import ENCODERS
from services.generator.claim import Claim
from services.generator.stops import Parked, obey
from shared import delivery, rules
from shared.failpoints import failpoint
from shared.messages import AudioObject, SideObject
from shared.ports import Objects, SeekableFile, Stored
from shared.track import Announcement, Park, Status, Track

_JSON: Final = "application/json"
_SIDES: Final = {
    "metadata": ("metadata/{}.json", _JSON),
    "waveform": ("waveforms/{}.json", _JSON),
    "spectrogram": ("spectrograms/{}.png", "image/png"),
}
_PART: Final = 2**20


class Finals:
    """Writes what a track ends in to one bucket; thread-safe, one per process."""

    def __init__(self, objects: Objects) -> None:
        """Objects of the output bucket."""
        self._objects = objects

    def uri(self, claim: Claim, kind: str) -> str:
        """``gs://`` address of a side object."""
        return self._objects.uri(_SIDES[kind][0].format(claim.request_id))

    def audio(self, claim: Claim, format_name: str, file: SeekableFile) -> AudioObject:
        """Store one finished file, and tell the document that it can be listened to.

        Raises:
            Ended: the caller has cancelled the track.
            Lost: the track is somebody else's.
            Parked: the lease could not be kept fresh.
            StorageUnavailable: the bucket does not answer.
        """
        encoder = ENCODERS[format_name]
        name = f"audio/{claim.request_id}.{encoder.extension}"
        filename = delivery.audio_name(claim.request_id, format_name)
        stored = self._put(claim, name, file, encoder.mime_type, filename)
        failpoint("after_audio_stored", claim.request_id)
        audio = AudioObject(
            format=format_name,
            mime_type=encoder.mime_type,
            uri=self._objects.uri(name),
            generation=stored.generation,
            size_bytes=stored.size_bytes,
            crc32c=stored.crc32c,
            sha256=_sha256(file),
        )
        claim.write(lambda track, _: rules.file_ready(track, audio))
        return audio

    def side(self, claim: Claim, kind: str, data: bytes) -> SideObject:
        """Store what describes the audio; raises as ``audio`` does."""
        pattern, mime = _SIDES[kind]
        name = pattern.format(claim.request_id)
        filename = delivery.side_name(claim.request_id, kind)
        stored = self._put(claim, name, io.BytesIO(data), mime, filename)
        return SideObject(
            kind=kind,
            mime_type=mime,
            uri=self._objects.uri(name),
            generation=stored.generation,
            size_bytes=stored.size_bytes,
            crc32c=stored.crc32c,
            sha256=hashlib.sha256(data).hexdigest(),
        )

    def _put(self, claim: Claim, name: str, file: SeekableFile, mime: str, filename: str) -> Stored:
        """Look at the generation, check the epoch, then replace exactly that generation."""
        mark = {"run": str(claim.run), "epoch": str(claim.epoch)}
        saved = delivery.disposition(filename, download=True)
        while claim.left() >= 0:
            live = self._objects.look(name)
            obey(claim.renew())
            if not claim.fresh():
                continue
            replaces = live.generation if live else 0
            stored = self._objects.write(
                name, file, mime, replaces=replaces, metadata=mark, disposition=saved
            )
            if stored:
                return stored
        raise Parked(Park.BUDGET, "budget")

    def store_error(self, track: Track, announcement: Announcement) -> None:
        """Write ``errors/ID.json`` before a failure is announced; repeats do no harm.

        Raises:
            StorageUnavailable: the bucket does not answer; the announcement waits.
        """
        if track.erased or announcement.status is not Status.FAILED:
            return
        name = f"errors/{track.request_id}.json"
        run = str(announcement.run)
        while True:
            live = self._objects.look(name)
            if live and int(live.metadata.get("run", 0)) >= announcement.run:
                return
            replaces = live.generation if live else 0
            data = error_object(announcement)
            mark = {"run": run}
            if self._objects.write(name, data, _JSON, replaces=replaces, metadata=mark):
                return


def error_object(announcement: Announcement) -> bytes:
    """``errors/ID.json``: the first service's names, plus code and cure."""
    event = json.loads(announcement.data)
    error = event["error"][0]
    fields = {
        "request_id": event["request_id"],
        "error": error["message"],
        "status": "failed",
        "timestamp": event["occurred_at"],
        "code": error["code"],
        "cure": error["cure"],
        "run": event["run"],
    }
    return json.dumps(fields, indent=2).encode()


def _sha256(file: SeekableFile) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while part := file.read(_PART):
        digest.update(part)
    return digest.hexdigest()
