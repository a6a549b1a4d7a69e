"""What the API tells of a track's sound: the stored files, and what was measured on them."""

from typing import Any, Final

from services.ingest.files import stored_audio
from shared.messages import AudioObject, TrackResult
from shared.track import Track

_MEASURES: Final = (
    "duration_seconds",
    "sample_rate",
    "channels",
    "loudness_lufs",
    "loudness_range_lu",
    "true_peak_dbtp",
    "loudness_limited",
)
_FRAME_DIGITS: Final = 6
"""Decimals of a second that tell two neighbouring samples apart."""


def audio(track: Track, base: str) -> list[dict[str, Any]]:
    """Every file that can be fetched, as ``audio`` of a track."""
    own = f"{base}/v1/tracks/{track.request_id}"
    return [_file(file, track.result, own) for file in stored_audio(track).values()]


def _file(audio: AudioObject, result: TrackResult | None, own: str) -> dict[str, Any]:
    return {
        "format": audio.format,
        "mime_type": audio.mime_type,
        "size_bytes": audio.size_bytes,
        "crc32c": audio.crc32c,
        "sha256": audio.sha256 or None,
        **_measures(result),
        "href": f"{own}/audio.{audio.format}",
    }


def sound(track: Track) -> dict[str, Any] | None:
    """What the finished track sounds like; None until it is completed."""
    result = track.result
    if result is None:
        return None
    return {
        **_measures(result),
        "bit_depth": track.request.bit_depth,
        "tempo": _tempo(result),
        "key": _key(result),
        "clips": result.clips,
        "seed": result.seed if result.seed >= 0 else None,
        "seeds": list(result.seeds),
    }


def _measures(result: TrackResult | None) -> dict[str, Any]:
    """What all files of a track have in common; each null until it is known."""
    if result is None:
        return dict.fromkeys(_MEASURES)
    values = (
        round(result.duration_seconds, _FRAME_DIGITS),
        result.sample_rate,
        result.channels,
        _rounded(result.loudness_lufs),
        _rounded(result.loudness_range_lu),
        _rounded(result.true_peak_dbtp),
        result.loudness_limited,
    )
    return dict(zip(_MEASURES, values, strict=True))


def _tempo(result: TrackResult) -> dict[str, float] | None:
    if not result.tempo_bpm:
        return None
    return {"bpm": _rounded(result.tempo_bpm), "confidence": _rounded(result.tempo_confidence)}


def _key(result: TrackResult) -> dict[str, Any] | None:
    if not result.key:
        return None
    confidence = _rounded(result.key_confidence)
    return {"name": result.key, "confidence": confidence, "estimated": True}


def _rounded(measured: float) -> float:
    """Two decimals: what a meter is good for."""
    return round(measured, 2)
