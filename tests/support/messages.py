"""Messages for tests: one good event, and any valid message."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from shared.messages import (
    ENDING_TYPES,
    AudioObject,
    ErrorInfo,
    SideObject,
    TrackEvent,
    TrackRequest,
    TrackRequested,
    TrackResult,
)

_TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
_ID = st.text("0123456789abcdef-", min_size=1, max_size=64)
_TIMES = st.datetimes(timezones=st.just(UTC))
_LONGS = st.integers(0, 2**63 - 1)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_METADATA = st.dictionaries(_TEXT, _TEXT, max_size=4)


def completed_event() -> TrackEvent:
    """A track that was made."""
    audio = AudioObject(
        format="wav",
        mime_type="audio/wav",
        uri="gs://output/audio/r1.wav",
        generation=1_767_322_245_000_000,
        size_bytes=5_760_044,
        crc32c="AAAAAA==",
        sha256="ab" * 32,
    )
    side = SideObject(
        kind="waveform",
        mime_type="application/json",
        uri="gs://output/waveforms/r1.json",
        generation=1_767_322_246_000_000,
        size_bytes=6_100,
        crc32c="AAAAAA==",
        sha256="cd" * 32,
    )
    result = TrackResult(
        duration_seconds=30.0,
        sample_rate=48_000,
        channels=2,
        loudness_lufs=-14.0,
        true_peak_dbtp=-1.2,
        loudness_limited=False,
        loudness_range_lu=5.5,
        tempo_bpm=96.0,
        tempo_confidence=0.9,
        key="F# minor",
        key_confidence=0.4,
        seed=7,
        seeds=(7,),
        audio=(audio,),
        sides=(side,),
        metadata_uri="gs://output/metadata/r1.json",
        model="lyria-002",
        cost_usd=0.06,
    )
    return TrackEvent(
        type="track.completed.v1",
        event_id="r1:1:completed",
        request_id="r1",
        tenant="local",
        run=1,
        sequence=5,
        occurred_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        status="completed",
        style="jazz",
        result=(result,),
        metadata={"k": "v"},
    )


def requests() -> st.SearchStrategy[TrackRequested]:
    """Any command that can be written."""
    request = st.builds(
        TrackRequest,
        prompt=st.text(st.characters(codec="utf-8"), min_size=1, max_size=500),
        negative_prompt=_TEXT,
        style=_TEXT,
        tempo=_TEXT,
        duration_seconds=st.integers(1, 300) | st.floats(1, 300),
        seed=st.integers(-1, 2**31 - 1),
        formats=st.lists(_TEXT, max_size=3).map(tuple),
        bit_depth=st.sampled_from([16, 24]),
        loudness_lufs=st.lists(_FLOATS, max_size=1).map(tuple),
        loop=st.booleans(),
        metadata=_METADATA,
        callback_url=_TEXT,
        callback_events=st.lists(_TEXT, max_size=3).map(tuple),
    )
    return st.builds(
        TrackRequested,
        request_id=_ID,
        tenant=_ID,
        run=st.integers(1, 2**31),
        sequence=_LONGS,
        requested_at=_TIMES,
        deadline=_TIMES,
        request=request,
    )


def events() -> st.SearchStrategy[TrackEvent]:
    """Any event that can be written."""
    stored = {
        "mime_type": _TEXT,
        "uri": _TEXT,
        "generation": _LONGS,
        "size_bytes": _LONGS,
        "crc32c": _TEXT,
        "sha256": _TEXT,
    }
    audio = st.builds(AudioObject, format=_TEXT, **stored)
    side = st.builds(SideObject, kind=_TEXT, **stored)
    result = st.builds(
        TrackResult,
        duration_seconds=_FLOATS,
        sample_rate=_LONGS,
        channels=_LONGS,
        loudness_lufs=_FLOATS,
        true_peak_dbtp=_FLOATS,
        loudness_limited=st.booleans(),
        loudness_range_lu=_FLOATS,
        tempo_bpm=_FLOATS,
        tempo_confidence=_FLOATS,
        key=_TEXT,
        key_confidence=_FLOATS,
        clips=_LONGS,
        seed=st.integers(-1, 2**31 - 1),
        seeds=st.lists(st.integers(0, 2**31 - 1), max_size=10).map(tuple),
        sides=st.lists(side, max_size=2).map(tuple),
        audio=st.lists(audio, max_size=2).map(tuple),
        metadata_uri=_TEXT,
        model=_TEXT,
        cost_usd=_FLOATS,
    )
    error = st.builds(ErrorInfo, code=_TEXT, message=_TEXT, cure=_TEXT, retryable=st.booleans())
    return st.builds(
        TrackEvent,
        type=st.sampled_from(sorted(ENDING_TYPES.values())),
        event_id=_ID,
        request_id=_ID,
        batch_id=_TEXT,
        tenant=_ID,
        run=st.integers(1, 2**31),
        sequence=_LONGS,
        occurred_at=_TIMES,
        status=_TEXT,
        style=_TEXT,
        result=st.lists(result, max_size=1).map(tuple),
        error=st.lists(error, max_size=1).map(tuple),
        metadata=_METADATA,
    )
