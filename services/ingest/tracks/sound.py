"""What the API tells of a track's sound: the stored files, and what was measured on them."""

from typing import Final

from services.ingest.tracks.answers import AudioFile, Key, Measures, Sound, Tempo
from services.ingest.tracks.files import stored_audio
from shared.messages import AudioObject, TrackResult
from shared.track import Track

UNKNOWN: Final[Measures] = {
    "duration_seconds": None,
    "sample_rate": None,
    "channels": None,
    "loudness_lufs": None,
    "loudness_range_lu": None,
    "true_peak_dbtp": None,
    "loudness_limited": None,
}
"""Until a track is completed."""
_FRAME_DIGITS: Final = 6
"""Decimals of a second that tell two neighbouring samples apart."""


def audio(track: Track, base: str) -> list[AudioFile]:
    """Every file that can be fetched, as ``audio`` of a track."""
    own = f"{base}/v1/tracks/{track.request_id}"
    return [_file(file, track.result, own) for file in stored_audio(track).values()]


def _file(audio: AudioObject, result: TrackResult | None, own: str) -> AudioFile:
    return {
        "format": audio.format,
        "mime_type": audio.mime_type,
        "size_bytes": audio.size_bytes,
        "crc32c": audio.crc32c,
        "sha256": audio.sha256 or None,
        **(_measures(result) if result else UNKNOWN),
        "href": f"{own}/audio.{audio.format}",
    }


def sound(track: Track) -> Sound | None:
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


def _measures(result: TrackResult) -> Measures:
    """What all files of a track have in common."""
    return {
        "duration_seconds": round(result.duration_seconds, _FRAME_DIGITS),
        "sample_rate": result.sample_rate,
        "channels": result.channels,
        "loudness_lufs": _rounded(result.loudness_lufs),
        "loudness_range_lu": _rounded(result.loudness_range_lu),
        "true_peak_dbtp": _rounded(result.true_peak_dbtp),
        "loudness_limited": result.loudness_limited,
    }


def _tempo(result: TrackResult) -> Tempo | None:
    if not result.tempo_bpm:
        return None
    return {"bpm": _rounded(result.tempo_bpm), "confidence": _rounded(result.tempo_confidence)}


def _key(result: TrackResult) -> Key | None:
    if not result.key:
        return None
    confidence = _rounded(result.key_confidence)
    return {"name": result.key, "confidence": confidence, "estimated": True}


def _rounded(measured: float) -> float:
    """Two decimals: what a meter is good for."""
    return round(measured, 2)
