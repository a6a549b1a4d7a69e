from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.generator.prompt import Version, seed
from services.ingest.edge.bodies import parse
from services.ingest.tracks import views
from shared import rules
from shared.messages import TrackResult
from shared.targets import Targets
from shared.track import PROGRESS, Park, Stage, Status, Track
from tests.support.messages import completed_event
from tests.support.rules import START, new

API = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
BASE = "https://api.example"
RESULT = completed_event().result[0]


def shown(track: Track) -> dict[str, Any]:
    return dict(views.detail(track, None, BASE))


def completed(**changes: Any) -> Track:
    result = RESULT.model_copy(update=changes)
    return replace(new(), status=Status.COMPLETED, result=result)


def test_a_completed_track_tells_its_sound() -> None:
    assert shown(completed(clips=2))["sound"] == {
        "duration_seconds": 30.0,
        "sample_rate": 48_000,
        "channels": 2,
        "bit_depth": 16,
        "loudness_lufs": -14.0,
        "loudness_range_lu": 5.5,
        "true_peak_dbtp": -1.2,
        "loudness_limited": False,
        "tempo": {"bpm": 96.0, "confidence": 0.9},
        "key": {"name": "F# minor", "confidence": 0.4, "estimated": True},
        "clips": 2,
        "seed": 7,
        "seeds": [7],
    }


def test_each_file_tells_what_it_is() -> None:
    (file,) = shown(completed(loudness_limited=True))["audio"]
    assert file == {
        "format": "wav",
        "mime_type": "audio/wav",
        "size_bytes": 5_760_044,
        "crc32c": "AAAAAA==",
        "sha256": "ab" * 32,
        "duration_seconds": 30.0,
        "sample_rate": 48_000,
        "channels": 2,
        "loudness_lufs": -14.0,
        "loudness_range_lu": 5.5,
        "true_peak_dbtp": -1.2,
        "loudness_limited": True,
        "href": f"{BASE}/v1/tracks/r1/audio.wav",
    }


def test_a_file_that_is_early_is_not_measured_yet() -> None:
    running = replace(new(), status=Status.RUNNING, ready=RESULT.audio)
    (early,), (final,) = shown(running)["audio"], shown(completed())["audio"]
    assert list(early) == list(final)
    unknown = {name for name, value in early.items() if value is None}
    assert unknown == {
        "duration_seconds",
        "sample_rate",
        "channels",
        "loudness_lufs",
        "loudness_range_lu",
        "true_peak_dbtp",
        "loudness_limited",
    }
    assert {n: v for n, v in early.items() if n not in unknown} == {
        n: v for n, v in final.items() if n not in unknown
    }
    assert shown(running)["sound"] is None


def test_measured_values_have_two_decimals() -> None:
    noisy = {
        "loudness_lufs": -13.996_4,
        "loudness_range_lu": 4.123_4,
        "true_peak_dbtp": -1.049_9,
        "tempo_bpm": 119.987_6,
        "tempo_confidence": 0.876_5,
        "key_confidence": 0.333_3,
    }
    sound = shown(completed(**noisy))["sound"]
    (file,) = shown(completed(**noisy))["audio"]
    for block in (sound, file):
        assert (block["loudness_lufs"], block["loudness_range_lu"]) == (-14.0, 4.12)
        assert block["true_peak_dbtp"] == -1.05
    assert sound["tempo"] == {"bpm": 119.99, "confidence": 0.88}
    assert sound["key"]["confidence"] == 0.33


@pytest.mark.parametrize("frames", [48_000, 48_001, 350_400, 63_998, 14_399_951])
def test_a_length_is_told_to_the_sample(frames: int) -> None:
    sound = shown(completed(duration_seconds=frames / 48_000))["sound"]
    assert round(sound["duration_seconds"] * 48_000) == frames


def test_what_is_not_clear_is_null() -> None:
    sound = shown(completed(tempo_bpm=0.0, key=""))["sound"]
    assert (sound["tempo"], sound["key"]) == (None, None)


def test_a_file_without_a_checksum_says_so() -> None:
    audio = (RESULT.audio[0].model_copy(update={"sha256": ""}),)
    assert shown(completed(audio=audio))["audio"][0]["sha256"] is None


def test_each_clip_tells_its_seed() -> None:
    sound = shown(completed(seed=0, seeds=(0, 112_648)))["sound"]
    assert (sound["seed"], sound["seeds"]) == (0, [0, 112_648])


@pytest.mark.parametrize("request_id", [f"r{n}" for n in range(8)])
def test_the_seed_that_is_told_can_be_sent_for_the_same_clips(request_id: str) -> None:
    versions = [Version(clip, 3) for clip in range(3)]
    request = new().request
    seeds = [seed(request, request_id, version) for version in versions]
    sent = parse({"prompt": request.prompt, "seed": seeds[0]}, Targets()).to_request()
    assert [seed(sent, "another", version) for version in versions] == seeds


def test_a_track_of_old_has_no_known_seed() -> None:
    sound = shown(completed(seed=-1, seeds=()))["sound"]
    assert (sound["seed"], sound["seeds"]) == (None, [])


@pytest.mark.parametrize(
    ("park", "waits", "told"),
    [
        (Park.NONE, Park.NONE, None),
        (Park.NONE, Park.QUOTA, "quota"),
        (Park.FAULT, Park.NONE, "fault"),
        (Park.SLOT, Park.QUOTA, "slot"),
    ],
)
def test_what_a_track_waits_for_is_told_whoever_holds_it(
    park: Park, waits: Park, told: str | None
) -> None:
    running = replace(new(), status=Status.RUNNING, holder="h1", park=park, waits=waits)
    assert shown(running)["waiting_for"] == told


@pytest.mark.parametrize("clips", [2, 3, 5, 7, 10])
def test_progress_has_three_decimals(clips: int) -> None:
    start, end = PROGRESS[Stage.GENERATING], PROGRESS[Stage.MASTERING]
    for done in range(clips + 1):
        track = rules.clips_usable(new(), done / clips, START)
        progress = shown(track)["progress"]
        assert len(repr(progress)) <= len("0.123")
        assert progress == pytest.approx(start + (end - start) * done / clips, abs=0.0005)


def test_24_bit_is_told() -> None:
    track = completed()
    track = replace(track, request=track.request.model_copy(update={"bit_depth": 24}))
    assert shown(track)["sound"]["bit_depth"] == 24


def test_the_links_lead_to_every_file() -> None:
    track = new()
    track = replace(track, request=track.request.model_copy(update={"formats": ("mp3", "wav")}))
    own = f"{BASE}/v1/tracks/r1"
    assert views.links(track, BASE) == {
        "self": own,
        "cancel": f"{own}/cancel",
        "retry": f"{own}/retry",
        "events": f"{own}/events",
        "stream": f"{own.replace('https:', 'wss:')}/stream",
        "audio_mp3": f"{own}/audio.mp3",
        "audio_wav": f"{own}/audio.wav",
        "waveform": f"{own}/waveform",
        "spectrogram": f"{own}/spectrogram",
        "metadata": f"{own}/metadata",
    }


def test_the_cost_is_quoted_for_the_whole_track() -> None:
    track = new()
    long = replace(track, request=track.request.model_copy(update={"duration_seconds": 300.0}))
    quoted = {"quote_usd": 0.6, "clips": 10, "billed_usd": 0.0, "provider_calls": 0}
    assert shown(long)["cost"] == quoted
    assert views.accepted(long, BASE)["quote_usd"] == 0.6
    assert views.requeued(long, BASE)["quote_usd"] == 0.6


def test_a_retry_is_estimated_from_now_and_a_repeated_submit_as_at_first() -> None:
    later = START + timedelta(days=3)
    retried = replace(new(), queued_at=later, run=2)
    expected = (later + timedelta(seconds=36)).isoformat()
    assert views.requeued(retried, BASE)["estimated_completion"] == expected
    assert views.requeued(retried, BASE)["run"] == 2
    assert views.accepted(retried, BASE) == views.accepted(new(), BASE)


def test_every_member_is_documented() -> None:
    text = API[API.index("## `GET /v1/tracks/{id}`") : API.index("## States and error codes")]
    track = shown(completed())
    sound = track["sound"]
    blocks = [track, track["audio"][0], sound, sound["tempo"], sound["key"]]
    blocks += [track[name] for name in ("timings", "cost", "links")]
    left_out = {"request_id", "run", "model"}
    for name in {name for block in blocks for name in block} - left_out:
        assert f"`{name}`" in text, name


def test_a_result_is_shown_whole() -> None:
    """A new field of a result is either shown or left out on purpose."""
    elsewhere = {"metadata_uri", "model", "cost_usd", "audio", "sides"}
    nested = {"tempo_bpm", "tempo_confidence", "key_confidence"}
    sound = shown(completed())["sound"].keys() | elsewhere | nested
    assert TrackResult.model_fields.keys() <= sound
