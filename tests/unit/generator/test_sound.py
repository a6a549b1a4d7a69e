"""Whole tracks, from clips to files, by the generator's own steps; ffmpeg is the judge.

`benchmarks/finished.py` is the same over the full range of lengths, targets and material.
"""

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.generator.audio.encoders import ENCODERS
from services.generator.audio.pcm import RATE, Pcm16, Samples, to_integers
from services.generator.prompt import Version
from shared.errors import Code, PermanentError
from shared.messages import TrackRequest
from tests.support import ffmpeg
from tests.support.finished import REQUEST_ID, Finished, Maker, clips, finish, new_track, prepared
from tests.unit.generator.audio import beats, composed, material, riff

ROOT = Path(__file__).parents[3]
FORMATS = tuple(ENCODERS)
LOSSY = ("mp3", "ogg", "m4a")
FRAME = {"wav": 1, "flac": 1, "mp3": 1, "ogg": 960, "m4a": 1024}
PROMPT = "zephyrs over quicksilver"


def pcm16(wave: Samples) -> Pcm16:
    return to_integers(wave.copy()).astype(np.int16)


def served(*waves: Pcm16) -> Maker:
    """A model that gives these clips, one after the other."""
    waiting = iter(waves)
    return lambda _: riff.wav(next(waiting))


def request(seconds: float, **changes: Any) -> TrackRequest:
    fields: dict[str, Any] = {"prompt": PROMPT, "seed": 7, "duration_seconds": seconds}
    return TrackRequest(**fields | changes)


def made(seconds: float, *waves: Pcm16, request_id: str = REQUEST_ID, **changes: Any) -> Finished:
    track = new_track(request(seconds, **changes), request_id)
    return finish(track, clips(track, served(*waves), len(waves)))


def samples(track: Finished, name: str = "wav", bits: int = 16) -> Any:
    """What is decoded, shape (frames, 2), in steps of so many bits."""
    out = ("-f", "s32le", "-ar", str(RATE), "-ac", "2", "-")
    raw = np.frombuffer(ffmpeg.run("-i", "-", *out, stdin=track.files[name]).stdout, "<i4")
    return raw.reshape(-1, 2) >> (32 - bits)


def song(style: str, tempo: str, clip_seed: int, seconds: float) -> Pcm16:
    return composed.clip(style, tempo, clip_seed)[: round(seconds * RATE)]


@dataclass(frozen=True)
class Case:
    seconds: float
    target: float | None
    loop: bool = False
    bit_depth: int = 16
    limited: bool = False


CASES = {
    "one second": Case(1.0, -23.0),
    "a cut clip": Case(7.3, -14.0, bit_depth=24),
    "drums too loud for it": Case(3.0, -9.0, limited=True),
    "two clips": Case(13.7, -14.0),
    "a loop": Case(8.0, -16.0, loop=True),
    "untouched": Case(2.5, None),
}


def material_of(name: str) -> tuple[Pcm16, ...]:
    rock, jazz = song("rock", "119 BPM", 1, 12.0), song("jazz", "119 BPM", 2, 9.0)
    drums = pcm16(material.kicks(4.0))
    many: dict[str, tuple[Pcm16, ...]] = {
        "two clips": (rock[: 8 * RATE], jazz),
        "drums too loud for it": (drums,),
        "untouched": (drums,),
    }
    return many.get(name, (rock,))


@lru_cache
def track_of(name: str) -> Finished:
    case = CASES[name]
    return made(
        case.seconds,
        *material_of(name),
        formats=FORMATS,
        loudness_lufs=() if case.target is None else (case.target,),
        bit_depth=case.bit_depth,
        loop=case.loop,
    )


@lru_cache
def heard_in(name: str, form: str) -> ffmpeg.Heard:
    return ffmpeg.listen(track_of(name).files[form])


@pytest.mark.parametrize("name", CASES)
def test_every_file_has_the_length_that_was_asked_for(name: str) -> None:
    track = track_of(name)
    frames = round(track.result.duration_seconds * RATE)
    if not CASES[name].loop:
        assert frames == round(CASES[name].seconds * RATE)
    off = {form: len(samples(track, form)) - frames for form in FORMATS}
    assert {form: n for form, n in off.items() if abs(n) >= FRAME[form]} == {}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.target])
def test_every_file_has_the_level_that_was_asked_for(name: str, form: str) -> None:
    heard, result = heard_in(name, form), track_of(name).result
    case = CASES[name]
    assert heard.true_peak_dbtp <= -1.0
    assert result.loudness_limited == case.limited
    aim = result.loudness_lufs if case.limited else case.target
    assert heard.loudness_lufs == pytest.approx(aim, abs=0.3)


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_of_a_track_is_what_is_heard(name: str) -> None:
    result, metadata = track_of(name).result, track_of(name).metadata
    heard = heard_in(name, "wav")
    assert result.loudness_lufs == pytest.approx(heard.loudness_lufs, abs=0.1)
    assert result.true_peak_dbtp == pytest.approx(heard.true_peak_dbtp, abs=0.1)
    assert result.loudness_range_lu == pytest.approx(heard.range_lu, abs=0.5)
    assert metadata["loudness_lufs"] == pytest.approx(result.loudness_lufs, abs=0.005)
    assert metadata["true_peak_dbtp"] == pytest.approx(result.true_peak_dbtp, abs=0.005)
    assert metadata["loudness_range_lu"] == pytest.approx(result.loudness_range_lu, abs=0.005)
    assert metadata["loudness_limited"] == result.loudness_limited == CASES[name].limited
    assert metadata["loudness_target_lufs"] == CASES[name].target
    assert metadata["duration"] == result.duration_seconds
    assert metadata["bit_depth"] == CASES[name].bit_depth


@pytest.mark.parametrize("name", CASES)
def test_flac_and_wav_hold_the_same_samples(name: str) -> None:
    track, bits = track_of(name), CASES[name].bit_depth
    assert np.array_equal(samples(track, "flac", bits), samples(track, "wav", bits))
    if bits == 24:
        assert (samples(track, "wav", bits) & 0xFF).any(), "16 bits, padded"


@pytest.mark.parametrize("bits", [16, 24])
def test_an_untouched_track_is_its_clip_to_the_bit(bits: int) -> None:
    clip = pcm16(material.offset(3.0))
    track = made(2.5, clip, loudness_lufs=(), bit_depth=bits)
    inner = slice(RATE // 100, round(2.5 * 0.88 * RATE) - 1)
    assert np.array_equal(samples(track, bits=bits)[inner], clip[inner].astype(int) << (bits - 16))
    assert not track.result.loudness_limited


def test_two_clips_follow_each_other() -> None:
    first, second = (song("classical", "97 BPM", n, 6.0) for n in (1, 2))
    whole = samples(made(10.0, first, second, loudness_lufs=())).astype(np.int16)
    assert np.array_equal(whole[480 : 2 * RATE], first[480 : 2 * RATE])
    late = whole[8 * RATE : 8 * RATE + 2000].tobytes()
    assert late in second.tobytes()
    assert late not in first.tobytes()


def test_a_loop_is_whole_bars_without_a_seam() -> None:
    track = track_of("a loop")
    assert track.sound.tempo is not None
    bars = track.result.duration_seconds * track.sound.tempo.bpm / 240
    assert bars == pytest.approx(round(bars), abs=0.01)
    wave = samples(track)
    over_the_seam = np.abs(wave[0] - wave[-1]).max()
    assert over_the_seam <= np.abs(np.diff(wave, axis=0)).max()
    around = np.concatenate([wave[-RATE // 4 :], wave[: RATE // 4]]).astype(float)
    assert np.sqrt((around**2).mean()) > 0.5 * np.sqrt((wave.astype(float) ** 2).mean())


def test_the_gain_of_a_loop_ends_as_it_begins() -> None:
    """Here a hit comes shortly before the end: alone, a track ends before its limiter lets go."""
    wave = np.roll(pcm16(material.hits(3.0)), round(0.27 * RATE), axis=0)
    steps = {}
    for loop in (False, True):
        track = new_track(request(1.0, loop=loop, loudness_lufs=(-9.0,)))
        gains = prepared(track, clips(track, served(wave))).plan.gains
        assert gains is not None
        steps[loop] = 20 * np.log10(gains[-1] / gains[0])
    assert steps[True] == pytest.approx(0, abs=1e-4)
    assert steps[False] < -2


def test_an_offset_is_taken_out_of_what_is_mastered() -> None:
    clip = pcm16(material.offset(3.0))
    assert np.abs(clip.mean(axis=0)) == pytest.approx((6554, 3277), abs=100)
    assert np.abs(samples(made(2.5, clip)).mean(axis=0)).max() < 300


def digests(request_id: str) -> dict[str, str]:
    """Checksums of the decoded samples, by format."""
    waves = [pcm16(material.drums(4.0)), pcm16(material.pink(4.0))]
    track = made(6.5, *waves, formats=FORMATS, request_id=request_id)
    return {form: hashlib.sha256(samples(track, form).data).hexdigest() for form in FORMATS}


def test_one_seed_line_gives_the_same_samples_in_another_process() -> None:
    code = f"import {__name__} as m, json; print(json.dumps(m.digests('another')))"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, check=True)
    there = json.loads(child.stdout)
    assert there == digests(REQUEST_ID)
    assert len(set(there.values())) == 4, "FLAC is WAV, the others are not"


def plain(**changes: Any) -> Finished:
    return made(2.0, pcm16(material.kicks(2.5)), **{"loudness_lufs": (-9.0,)} | changes)


def test_another_seed_changes_the_dither_and_nothing_else() -> None:
    one, other = (samples(plain(seed=n)) for n in (1, 2))
    steps = np.abs(one - other)
    assert 0 < steps.max() <= 2
    assert (steps > 0).mean() > 0.3


def test_without_a_seed_the_request_id_is_it() -> None:
    one, again, other = (
        samples(plain(seed=-1, request_id=request_id)) for request_id in ("a", "a", "b")
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("formats", "ceiling"),
    [
        (("wav",), -1.0),
        (("flac", "wav"), -1.0),
        *((("wav", form), -1.5) for form in LOSSY),
        (FORMATS, -1.5),
    ],
)
def test_only_a_lossy_format_lowers_the_ceiling(formats: tuple[str, ...], ceiling: float) -> None:
    heard = ffmpeg.listen(plain(formats=formats).files["wav"])
    assert ceiling - 0.1 < heard.true_peak_dbtp <= ceiling


def test_a_format_besides_changes_nothing_in_the_others() -> None:
    alone, both, turned = (
        plain(formats=formats) for formats in (("wav",), ("wav", "flac"), ("flac", "wav"))
    )
    assert alone.files["wav"] == both.files["wav"] == turned.files["wav"]
    assert both.files["flac"] == turned.files["flac"] == plain(formats=("flac",)).files["flac"]
    lossy = [plain(formats=("wav", form)).files["wav"] for form in LOSSY]
    assert lossy[0] == lossy[1] == lossy[2] != alone.files["wav"]


def test_no_file_but_the_metadata_holds_a_word_of_the_caller() -> None:
    track = plain(
        formats=FORMATS, negative_prompt="xylophones", metadata={"order": "marmalade"}, style="jazz"
    )
    for name, data in track.files.items():
        told = name == "metadata"
        for word in ("zephyrs", "quicksilver", "xylophones", "marmalade"):
            assert (word.encode() in data) == told, (name, word)
            assert word.encode("utf-16-le") not in data, (name, word)


@pytest.mark.parametrize("form", FORMATS)
def test_every_file_says_that_a_machine_made_it(form: str) -> None:
    data = track_of("one second").files[form]
    texts = (f"Instrumental track {REQUEST_ID[:8]}", "lyria-002", "AI-generated with lyria-002")
    for text in texts:
        assert text.encode("utf-16-le" if form == "mp3" else "utf-8") in data


def test_objects_are_described_as_they_are_stored() -> None:
    track = track_of("two clips")
    assert [audio.format for audio in track.result.audio] == [*FORMATS]
    assert {side.kind for side in track.result.sides} == {"waveform", "spectrogram", "metadata"}
    described = {audio.format: audio for audio in track.result.audio}
    for name, told in (described | {side.kind: side for side in track.result.sides}).items():
        assert told.size_bytes == len(track.files[name])
        assert told.sha256 == hashlib.sha256(track.files[name]).hexdigest()
    for form, audio in described.items():
        assert audio.mime_type == ENCODERS[form].mime_type
    listed = track.metadata
    assert listed["audio"] == [audio.model_dump() for audio in track.result.audio]
    assert {side["kind"] for side in listed["sides"]} == {"waveform", "spectrogram"}
    assert track.result.metadata_uri == f"gs://shelf/metadata/{REQUEST_ID}.json"


def test_the_pictures_are_of_the_finished_track() -> None:
    track = track_of("two clips")
    waveform = json.loads(track.files["waveform"])
    assert waveform["length"] == -(-round(13.7 * RATE) // 480)
    assert max(waveform["data"]) > 60
    assert track.files["spectrogram"].startswith(b"\x89PNG")


def test_the_metadata_names_every_clip_with_its_place_and_seed() -> None:
    track = new_track(request(14.0, tempo="119", style="rock"))
    opening, climax, ending = clips(
        track, served(*[song("rock", "119 BPM", 1, 6.0)] * 3), 3
    ).items()
    third = (Version(1, 3, n=3), climax[1])
    told = finish(track, dict([opening, third, ending]))
    places = ("opening section, building up", "climax section, at its height",
              "ending section, coming to a close")  # fmt: skip
    assert told.metadata["clips"] == [
        {
            "clip": clip,
            "version": n,
            "seed": 7 + 7919 * clip + 104_729 * (n - 1),
            "place": place,
            "object": f"clips/{REQUEST_ID}/{clip}-{n}.wav",
        }
        for clip, n, place in zip(range(3), (1, 3, 1), places, strict=True)
    ]
    assert told.result.clips == 3


def test_the_metadata_tells_what_was_asked_for_and_what_it_cost() -> None:
    asked = {
        "negative_prompt": "xylophones",
        "style": "jazz",
        "tempo": "fast",
        "metadata": {"order": "marmalade"},
        "loudness_lufs": (-20.5,),
        "formats": ("flac", "wav"),
    }
    told = plain(**asked).metadata
    kept = ("prompt", "negative_prompt", "style", "tempo", "metadata", "loop")
    assert [told[name] for name in kept] == [
        *(PROMPT, "xylophones", "jazz", "fast", {"order": "marmalade"}, False),
    ]
    assert (told["request_id"], told["file_format"]) == (REQUEST_ID, "flac")
    assert (told["model_name"], told["model_version"]) == ("lyria-002", "002")
    assert (told["generation_status"], told["ai_generated"]) == ("completed", True)
    assert (told["sample_rate"], told["channels"], told["cost_usd"]) == (48_000, 2, 0.06)
    assert told["loudness_target_lufs"] == -20.5
    assert told["clips"][0]["place"] == "whole piece"


def test_a_loop_that_takes_a_second_clip_costs_two() -> None:
    wave = pcm16(material.pink(20.0))
    assert made(32.5, wave, wave, loop=True).result.cost_usd == 0.12
    assert made(32.5, wave, wave).result.cost_usd == 0.06


def test_what_has_neither_beat_nor_key_is_given_none() -> None:
    track = made(7.0, pcm16(material.pink(8.0)))
    assert (track.result.tempo_bpm, track.result.tempo_confidence) == (0.0, 0.0)
    assert (track.result.key, track.result.key_confidence) == ("", 0.0)
    assert track.metadata["estimated_tempo"] is None
    assert track.metadata["estimated_key"] is None


def test_tempo_and_key_are_told_as_estimates() -> None:
    track = made(10.0, song("rock", "119 BPM", 1, 12.0), tempo="119")
    estimated = track.metadata["estimated_tempo"]
    assert estimated["bpm"] == track.result.tempo_bpm == pytest.approx(119, rel=0.005)
    assert estimated["confidence"] == pytest.approx(track.result.tempo_confidence, abs=0.005)
    assert 0.4 < estimated["confidence"] <= 1
    found = track.metadata["estimated_key"]
    assert found["name"] == track.result.key != ""
    assert found["confidence"] == pytest.approx(track.result.key_confidence, abs=0.005)


def test_a_clip_without_a_beat_makes_the_tempo_less_certain() -> None:
    drums, noise = song("rock", "119 BPM", 1, 8.0), pcm16(material.pink(8.0))
    track = new_track(request(14.0, tempo="119"))
    alone = prepared(track, clips(track, served(drums, drums), 2)).tempo
    mixed = prepared(track, clips(track, served(drums, noise), 2)).tempo
    assert alone is not None
    assert mixed is not None
    assert mixed.bpm == alone.bpm
    assert mixed.confidence == pytest.approx(alone.confidence / 2)


@pytest.mark.parametrize(
    ("tempo", "bpm"), [("slow", 80), ("80", 80), ("fast", 160), ("160", 160), ("moderate", 80)]
)
def test_what_was_asked_for_decides_between_a_tempo_and_its_double(tempo: str, bpm: int) -> None:
    clip = beats.hits(12.0, np.arange(0.1, 12, 60 / 160), 400.0)
    track = made(10.0, clip, tempo=tempo)
    assert track.result.tempo_bpm == pytest.approx(bpm, rel=0.005)


@pytest.mark.parametrize("data", [b"", b"no sound", riff.wav(pcm16(material.pink(1.0)))[:900]])
def test_a_clip_that_cannot_be_read_is_invalid(data: bytes) -> None:
    track = new_track(request(1.0))
    with pytest.raises(PermanentError) as caught:
        prepared(track, {Version(0, 1): data})
    assert caught.value.code == Code.AUDIO_INVALID


def test_a_clip_that_is_too_short_is_invalid() -> None:
    track = new_track(request(2.5))
    with pytest.raises(PermanentError) as caught:
        prepared(track, clips(track, served(pcm16(material.pink(2.4)))))
    assert caught.value.code == Code.AUDIO_INVALID
