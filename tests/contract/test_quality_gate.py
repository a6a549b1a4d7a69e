"""Clips that are no music: kept, recognised, asked for again by another seed, at last given up."""

import io
import json
import threading
from typing import Any

import numpy as np
import pytest
import soundfile

from services.generator.model import Clip, ClipRequest
from shared.messages import decode_event
from shared.track import USAGE, Status, Track, UsageRow
from tests.support.bench import Bench, Script, tone
from tests.support.tracks import stored_track

SHORT: dict[str, Any] = {"duration_seconds": 3, "seed": 7}
LONG: dict[str, Any] = {"duration_seconds": 90.5, "seed": 7}
"""Three clips."""
VERSION_STEP = 104_729
CLIP_STEP = 7919
GOOD = tone(4)
SILENT, CLIPPED, INVALID = "audio_silent", "audio_clipped", "audio_invalid"


def wav(samples: Any, rate: int = 48_000, subtype: str = "PCM_16") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, subtype=subtype, format="WAV")
    return buffer.getvalue()


SOUND = soundfile.read(io.BytesIO(GOOD), always_2d=True)[0]
NOISE = np.random.default_rng(1).standard_normal(SOUND.shape)
BAD = {
    "silence": (wav(np.zeros_like(SOUND)), SILENT),
    "noise of -60 dB": (wav(1e-3 * NOISE), SILENT),
    "a dead channel": (wav(SOUND * (1, 0)), SILENT),
    "hard clipping": (wav(np.clip(8 * SOUND, -1, 1)), CLIPPED),
    "another sample rate": (wav(SOUND, 44_100), INVALID),
    "mono": (wav(SOUND[:, 0]), INVALID),
    "24 bit": (wav(SOUND, subtype="PCM_24"), INVALID),
    "a cut reply": (GOOD[:-1000], INVALID),
    "half a header": (GOOD[:30], INVALID),
    "a page of text": (b"<html>" + b" " * 9000, INVALID),
    "nothing": (b"", INVALID),
    "too short a clip": (tone(2.9), INVALID),
}
"""What the model sends, and what it is called in the end."""


def made(bench: Bench, model: Any, track_id: str) -> Track:
    return bench.push(bench.generator(model), track_id)


def usage(bench: Bench, track: Track) -> UsageRow:
    row = bench.store.get(USAGE, track.usage_id()).value
    assert row is not None
    return row


def stored(bench: Bench, track_id: str) -> dict[str, bytes]:
    """The clips in the bucket, by clip and version."""
    names = [one.name for one in bench.bucket.list(f"clips/{track_id}/")]
    return {name.split("/")[2].removesuffix(".wav"): bench.bucket.read(name) for name in names}


def heard(bench: Bench, track_id: str) -> list[tuple[int, int, int]]:
    """Clip, version and seed, as the metadata names them."""
    metadata = json.loads(bench.bucket.read(f"metadata/{track_id}.json"))
    return [(clip["clip"], clip["version"], clip["seed"]) for clip in metadata["clips"]]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_clip_is_asked_for_again(bench: Bench, name: str) -> None:
    bad, _ = BAD[name]
    track_id = stored_track(bench.store, **SHORT)
    model = Script(bad, GOOD)
    track = made(bench, model, track_id)
    assert track.status is Status.COMPLETED
    assert [asked.seed for asked in model.asked] == [7, 7 + VERSION_STEP]
    assert len({asked.prompt for asked in model.asked}) == 1
    assert stored(bench, track_id) == {"0-1": bad, "0-2": GOOD}
    assert heard(bench, track_id) == [(0, 2, 7 + VERSION_STEP)]
    assert (track.provider_calls, usage(bench, track).billed_usd) == (2, 0.06)


@pytest.mark.parametrize("name", BAD)
def test_a_clip_that_stays_bad_fails_the_track_with_its_code(bench: Bench, name: str) -> None:
    bad, code = BAD[name]
    track_id = stored_track(bench.store, **SHORT)
    model = Script(bad)
    track = made(bench, model, track_id)
    assert track.status is Status.FAILED
    assert track.error is not None
    assert track.error.code == code
    assert [asked.seed for asked in model.asked] == [7 + n * VERSION_STEP for n in range(3)]
    assert stored(bench, track_id) == {"0-1": bad, "0-2": bad, "0-3": bad}
    assert not bench.bucket.list("audio/")
    assert json.loads(bench.bucket.read(f"errors/{track_id}.json"))["code"] == code
    assert (track.provider_calls, usage(bench, track).billed_usd) == (3, 0.0)
    (announced,) = bench.events.sent
    event = decode_event(announced[0])
    assert (event.type, event.result) == ("track.failed.v1", ())
    assert [error.code for error in event.error] == [code]
    assert made(bench, model, track_id) == track, "a message that comes again changes nothing"
    assert (len(model.asked), len(bench.events.sent)) == (3, 1)


def test_the_last_version_gives_the_code(bench: Bench) -> None:
    bad = (BAD["silence"][0], BAD["mono"][0], BAD["hard clipping"][0])
    track = made(bench, Script(*bad), stored_track(bench.store, **SHORT))
    assert track.error is not None
    assert track.error.code == CLIPPED


def test_the_third_version_is_not_too_late(bench: Bench) -> None:
    track_id = stored_track(bench.store, **SHORT)
    bad = BAD["silence"][0]
    assert made(bench, Script(bad, bad, GOOD), track_id).status is Status.COMPLETED
    assert heard(bench, track_id) == [(0, 3, 7 + 2 * VERSION_STEP)]


def test_a_retry_goes_on_with_the_fourth_version(bench: Bench) -> None:
    track_id = stored_track(bench.store, **SHORT)
    bad = BAD["silence"][0]
    assert made(bench, Script(bad), track_id).status is Status.FAILED
    bench.tracks.retry("local", track_id)
    model = Script(GOOD)
    track = made(bench, model, track_id)
    assert (track.status, track.run) == (Status.COMPLETED, 2)
    assert [asked.seed for asked in model.asked] == [7 + 3 * VERSION_STEP]
    assert set(stored(bench, track_id)) == {"0-1", "0-2", "0-3", "0-4"}
    assert heard(bench, track_id) == [(0, 4, 7 + 3 * VERSION_STEP)]
    assert (track.provider_calls, usage(bench, track).billed_usd) == (1, 0.06)
    assert [decode_event(data).type for data, _ in bench.events.sent] == [
        *("track.failed.v1", "track.completed.v1"),
    ]


def test_a_retry_has_three_versions_again(bench: Bench) -> None:
    track_id = stored_track(bench.store, **SHORT)
    model = Script(BAD["hard clipping"][0])
    made(bench, model, track_id)
    bench.tracks.retry("local", track_id)
    track = made(bench, model, track_id)
    assert (track.status, track.provider_calls) == (Status.FAILED, 3)
    assert [asked.seed for asked in model.asked] == [7 + n * VERSION_STEP for n in range(6)]


class Middling:
    """A model whose second clip is bad in its first versions."""

    def __init__(self, good: bytes, bad: int) -> None:
        self._good = good
        self._bad = [7 + CLIP_STEP + n * VERSION_STEP for n in range(bad)]
        self._lock = threading.Lock()
        self.asked: list[int] = []

    def generate(self, request: ClipRequest) -> Clip:
        with self._lock:
            self.asked.append(request.seed)
        return Clip(BAD["silence"][0] if request.seed in self._bad else self._good)


@pytest.fixture(scope="module")
def whole() -> bytes:
    return tone(32.768)


def test_of_a_long_track_only_the_bad_clip_is_asked_for_again(bench: Bench, whole: bytes) -> None:
    track_id = stored_track(bench.store, **LONG)
    model = Middling(whole, bad=1)
    track = made(bench, model, track_id)
    assert track.status is Status.COMPLETED
    again = 7 + CLIP_STEP + VERSION_STEP
    assert sorted(model.asked) == [7, 7 + CLIP_STEP, 7 + 2 * CLIP_STEP, again]
    assert set(stored(bench, track_id)) == {"0-1", "1-1", "1-2", "2-1"}
    assert heard(bench, track_id) == [(0, 1, 7), (1, 2, again), (2, 1, 7 + 2 * CLIP_STEP)]
    assert usage(bench, track).billed_usd == pytest.approx(0.18)


def test_the_good_clips_of_a_failed_track_are_not_bought_again(bench: Bench, whole: bytes) -> None:
    track_id = stored_track(bench.store, **LONG)
    model = Middling(whole, bad=3)
    track = made(bench, model, track_id)
    assert track.error is not None
    assert (track.status, track.error.code) == (Status.FAILED, SILENT)
    assert set(stored(bench, track_id)) == {"0-1", "1-1", "1-2", "1-3", "2-1"}
    bench.tracks.retry("local", track_id)
    track = made(bench, model, track_id)
    assert (track.status, track.provider_calls) == (Status.COMPLETED, 1)
    assert model.asked[5:] == [7 + CLIP_STEP + 3 * VERSION_STEP]
    assert [(clip, n) for clip, n, _ in heard(bench, track_id)] == [(0, 1), (1, 4), (2, 1)]
