"""The objects a finished track consists of, and the order in which they are written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from services.generator.claim import Claim
from services.generator.model import Capabilities
from services.generator.prompt import seed
from services.generator.stops import Parked, obey
from shared.failpoints import failpoint
from shared.messages import AudioObject, TrackResult
from shared.ports import Objects, Stored
from shared.track import Announcement, Park, Status, Track

_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Rendition:
    """One finished file of a track, ready to be stored."""

    format: str
    mime_type: str
    extension: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured on the finished samples."""

    frames: int
    sample_rate: int
    channels: int
    loudness_lufs: float
    true_peak_dbtp: float
    loudness_limited: bool


class Finals:
    """Writes ``audio/``, ``metadata/`` and ``errors/`` of one bucket under the claim's fence."""

    def __init__(self, objects: Objects, models: Mapping[str, Capabilities]) -> None:
        """Objects of the output bucket, and what each model costs."""
        self._objects = objects
        self._models = models

    def store(
        self,
        claim: Claim,
        files: list[Rendition],
        measured: Measured,
        *,
        versions: Mapping[int, int],
    ) -> TrackResult:
        """Store every file, then the metadata; return what the ending will announce.

        *versions*: which version of each clip the files are made of.

        Raises:
            Ended: the caller has cancelled the track.
            Lost: the track is somebody else's.
            Parked: the lease could not be kept fresh.
            StorageUnavailable: the bucket does not answer.
        """
        track = claim.track
        audio = tuple(self._audio(claim, file) for file in files)
        result = TrackResult(
            duration_seconds=measured.frames / measured.sample_rate,
            sample_rate=measured.sample_rate,
            channels=measured.channels,
            loudness_lufs=measured.loudness_lufs,
            true_peak_dbtp=measured.true_peak_dbtp,
            loudness_limited=measured.loudness_limited,
            audio=audio,
            metadata_uri=self._objects.uri(f"metadata/{track.request_id}.json"),
            model=track.request.model,
            cost_usd=self._models[track.request.model].price_usd,
        )
        text = json.dumps(metadata(claim.track, result, versions, claim.now()), indent=2)
        self._put(claim, f"metadata/{track.request_id}.json", text.encode(), _JSON)
        failpoint("after_metadata_stored", claim.request_id)
        return result

    def _audio(self, claim: Claim, file: Rendition) -> AudioObject:
        name = f"audio/{claim.request_id}.{file.extension}"
        stored = self._put(claim, name, file.data, file.mime_type)
        failpoint("after_audio_stored", claim.request_id)
        return AudioObject(
            format=file.format,
            mime_type=file.mime_type,
            uri=self._objects.uri(name),
            generation=stored.generation,
            size_bytes=stored.size_bytes,
            crc32c=stored.crc32c,
        )

    def _put(self, claim: Claim, name: str, data: bytes, mime: str) -> Stored:
        """Look at the generation, check the epoch, then replace exactly that generation."""
        mark = {"run": str(claim.run), "epoch": str(claim.epoch)}
        while claim.left() >= 0:
            live = self._objects.look(name)
            obey(claim.renew())
            if not claim.fresh():
                continue
            replaces = live.generation if live else 0
            stored = self._objects.write(name, data, mime, replaces=replaces, metadata=mark)
            if stored:
                return stored
        raise Parked(Park.BUDGET, "budget")

    def store_error(self, track: Track, announcement: Announcement) -> None:
        """Write ``errors/ID.json`` before a failure is announced; repeats do no harm.

        Raises:
            StorageUnavailable: the bucket does not answer; the announcement waits.
        """
        if announcement.status is not Status.FAILED:
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


def metadata(
    track: Track, result: TrackResult, versions: Mapping[int, int], now: datetime
) -> dict[str, Any]:
    """The metadata object: the first service's names, and what was measured beside them."""
    request = track.request
    return {
        "request_id": track.request_id,
        "prompt": request.prompt,
        "style": request.style,
        "duration": result.duration_seconds,
        "tempo": request.tempo,
        "model_name": request.model,
        "model_version": request.model.rpartition("-")[2],
        "generation_timestamp": now.isoformat(),
        "file_format": request.formats[0],
        "sample_rate": result.sample_rate,
        "generation_status": "completed",
        "negative_prompt": request.negative_prompt,
        "clips": [
            {
                "clip": clip,
                "version": n,
                "seed": seed(request, track.request_id, clip, n),
                "object": f"clips/{track.request_id}/{clip}-{n}.wav",
            }
            for clip, n in sorted(versions.items())
        ],
        "loudness_lufs": result.loudness_lufs,
        "true_peak_dbtp": result.true_peak_dbtp,
        "loudness_limited": result.loudness_limited,
        "channels": result.channels,
        "bit_depth": request.bit_depth,
        "audio": [audio.model_dump() for audio in result.audio],
        "provider_calls": track.provider_calls,
        "cost_usd": result.cost_usd,
        "metadata": request.metadata,
        "ai_generated": True,
    }


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
