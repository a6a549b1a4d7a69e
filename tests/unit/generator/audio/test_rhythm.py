"""Tempo and beat: of clicks to the millisecond, of music to a thousandth."""

import tracemalloc

import numpy as np
import pytest

from services.generator.audio import rhythm as module
from services.generator.audio.pcm import RATE, Pcm16, blocks, quantise
from services.generator.audio.rhythm import Rhythm, rhythm
from tests.unit.generator.audio import beats, composed, material

DRUMMED = ("instrumental", "rock", "electronic", "jazz")


def heard(pcm: Pcm16, expected: float | None = None) -> Rhythm:
    found = rhythm(pcm, expected)
    assert found is not None
    return found


def off_beat(found: Rhythm, beat: float) -> float:
    """Seconds from a true beat to the nearest that was found."""
    period = 60 / found.bpm
    return abs((found.first_beat - beat + period / 2) % period - period / 2)


@pytest.mark.parametrize("first", [0.0, 0.137, 0.24])
@pytest.mark.parametrize("bpm", [41, 61.7, 97, 120, 174, 219])
def test_clicks_are_found_where_they_are(bpm: float, first: float) -> None:
    found = heard(beats.clicks(30, bpm, first), bpm)
    assert found.bpm == pytest.approx(bpm, rel=0.001)
    assert 0 <= found.first_beat < 60 / found.bpm
    assert off_beat(found, first) < 0.01
    assert 0.6 < found.confidence <= 1


@pytest.mark.parametrize("bpm", [60, 97, 120, 174])
def test_without_a_hint_the_tempo_is_right_up_to_an_octave(bpm: float) -> None:
    octaves = np.log2(heard(beats.clicks(30, bpm, 0.1)).bpm / bpm)
    assert octaves == pytest.approx(np.rint(octaves), abs=0.002)


@pytest.mark.parametrize("expected", [75, 150])
def test_what_was_asked_for_decides_the_octave(expected: float) -> None:
    drums = beats.kit(20, 150, beats.ROCK)
    assert heard(drums, expected).bpm == pytest.approx(expected, rel=0.001)


def test_a_tempo_near_the_one_asked_for_is_measured_not_believed() -> None:
    assert heard(beats.clicks(20, 104, 0.0), 100).bpm == pytest.approx(104, rel=0.001)


@pytest.mark.parametrize("bpm", range(145, 181, 5))
def test_fast_eighths_are_not_counted_in_dotted_beats(bpm: float) -> None:
    found = heard(beats.kit(20, bpm, beats.ROCK)).bpm / bpm
    assert min(abs(found - octave) for octave in (0.5, 1, 2)) < 0.002


@pytest.mark.parametrize("expected", [None, 97.0])
def test_there_is_no_beat_in_noise_tones_and_silence(expected: float | None) -> None:
    dice = np.random.default_rng(3)
    for wave in (material.pink(20), material.sine(20), np.zeros((20 * RATE, 2), np.float32)):
        assert rhythm(quantise(blocks(wave), len(wave)), expected) is None
    for _ in range(5):
        assert rhythm(beats.hits(20, dice.uniform(0, 20, 40), 1000), expected) is None


def test_nor_in_a_moment() -> None:
    assert rhythm(beats.clicks(5.9, 120, 0), 120) is None
    assert rhythm(beats.clicks(6.1, 120, 0), 120) is not None
    assert rhythm(np.zeros((0, 2), np.int16), None) is None


@pytest.mark.parametrize("style", DRUMMED)
def test_the_composers_beat_is_heard(style: str) -> None:
    """Its pieces begin on a beat."""
    clip = composed.clip(style, "97 BPM", 1)
    found = heard(clip, 97)
    assert found.bpm == pytest.approx(97, rel=0.001)
    assert off_beat(found, 0.0) < 0.025
    octaves = np.log2(heard(clip).bpm / 97)
    assert octaves == pytest.approx(np.rint(octaves), abs=0.007)


def test_drums_are_clearer_than_pads() -> None:
    pads = rhythm(composed.clip("ambient", "97 BPM", 1), 97)
    drums = min(heard(composed.clip(style, "97 BPM", 1), 97).confidence for style in DRUMMED)
    assert drums > module.CLEAR + 0.05
    assert pads is None or pads.confidence < drums


def test_chunks_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    drums = beats.kit(10, 131, beats.ROCK)
    whole = module._onsets(drums)
    monkeypatch.setattr(module, "_CHUNK", 7)
    assert np.allclose(module._onsets(drums), whole, atol=1e-5)


def test_a_long_track_takes_little_memory() -> None:
    track = np.tile(beats.kit(20, 120, beats.ROCK), (6, 1))
    tracemalloc.start()
    try:
        found = heard(track, 120)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.bpm == pytest.approx(120, rel=0.0005)
    assert peak < 24 * 2**20
