"""What is told about a finished track: the result of its ending, and the metadata object."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.generator.audio.mastering import limited
from services.generator.audio.measures import Measures
from services.generator.audio.pcm import CHANNELS, RATE
from services.generator.prompt import Version, place, seed
from services.generator.sound import Sound
from shared.messages import AudioObject, SideObject, TrackResult
from shared.track import Track


@dataclass(frozen=True, slots=True)
class Made:
    """The files of a track, and what was measured on its finished samples."""

    frames: int
    measures: Measures
    audio: tuple[AudioObject, ...]
    sides: tuple[SideObject, ...]


def describe(track: Track, sound: Sound, made: Made, metadata_uri: str) -> TrackResult:
    """The facts of a finished track, as its ending announces them."""
    request, measures = track.request, made.measures
    return TrackResult(
        duration_seconds=made.frames / RATE,
        sample_rate=RATE,
        channels=CHANNELS,
        loudness_lufs=measures.loudness_lufs,
        true_peak_dbtp=measures.true_peak_dbtp,
        loudness_limited=limited(measures, sound.spec),
        loudness_range_lu=measures.loudness_range_lu,
        tempo_bpm=sound.tempo.bpm if sound.tempo else 0.0,
        tempo_confidence=sound.tempo.confidence if sound.tempo else 0.0,
        key=sound.key.name if sound.key else "",
        key_confidence=sound.key.confidence if sound.key else 0.0,
        clips=len(sound.versions),
        seed=seed(request, track.request_id, Version(0, 1)),
        seeds=tuple(seed(request, track.request_id, version) for version in sound.versions),
        audio=made.audio,
        sides=made.sides,
        metadata_uri=metadata_uri,
        model=request.model,
        cost_usd=track.quote_usd,
    )


def metadata(track: Track, sound: Sound, result: TrackResult, now: datetime) -> bytes:
    """The metadata object: the first service's names, and what was measured beside them."""
    request = track.request
    fields = {
        "request_id": track.request_id,
        "prompt": request.prompt,
        "style": request.style,
        "duration": result.duration_seconds,
        "tempo": request.tempo,
        "model_name": request.model,
        "model_label": sound.tags.model,
        "model_version": request.model.rpartition("-")[2],
        "generation_timestamp": now.isoformat(),
        "file_format": request.formats[0],
        "sample_rate": result.sample_rate,
        "generation_status": "completed",
        "negative_prompt": request.negative_prompt,
        "loop": request.loop,
        "seed": result.seed,
        "clips": _clips(track, sound),
        "loudness_lufs": round(result.loudness_lufs, 2),
        "loudness_range_lu": round(result.loudness_range_lu, 2),
        "loudness_target_lufs": next(iter(request.loudness_lufs), None),
        "loudness_limited": result.loudness_limited,
        "true_peak_dbtp": round(result.true_peak_dbtp, 2),
        "estimated_tempo": _estimate("bpm", result.tempo_bpm, result.tempo_confidence),
        "estimated_key": _estimate("name", result.key, result.key_confidence),
        "channels": result.channels,
        "bit_depth": request.bit_depth,
        "audio": [audio.model_dump() for audio in result.audio],
        "sides": [side.model_dump() for side in result.sides],
        "provider_calls": track.provider_calls,
        "cost_usd": result.cost_usd,
        "image_id": request.image_id or None,
        "metadata": request.metadata,
        "ai_generated": True,
    }
    return json.dumps(fields, indent=2).encode()


def _clips(track: Track, sound: Sound) -> list[dict[str, Any]]:
    return [
        {
            "clip": version.clip,
            "version": version.n,
            "seed": seed(track.request, track.request_id, version),
            "place": place(version) or "whole piece",
            "object": version.object(track.request_id),
        }
        for version in sound.versions
    ]


def _estimate(name: str, value: float | str, confidence: float) -> dict[str, Any] | None:
    return {name: value, "confidence": round(confidence, 2)} if value else None
