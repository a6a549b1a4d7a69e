"""Tempo and beat: of clicks to the millisecond, of music to a thousandth."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from services.generator.audio import onsets as module
from services.generator.audio.pcm import RATE, Pcm16
from services.generator.audio.rhythm import CLEAR, Rhythm, overall, rhythms
from services.generator.audio.tempo import Expected
from tests.unit.generator.audio import beats, composed, material
from tests.unit.generator.audio.beats import rhythm

DRUMMED = ("instrumental", "rock", "electronic", "jazz")


def about(bpm: float) -> Expected:
    """What a word for a tempo says."""
    return Expected(bpm, exact=False)


def number(bpm: float) -> Expected:
    return Expected(bpm, exact=True)


def heard(pcm: Pcm16, expected: Expected | None = None) -> Rhythm:
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
    found = heard(beats.clicks(30, bpm, first), about(bpm))
    assert found.bpm == pytest.approx(bpm, rel=0.001)
    assert 0 <= found.first_beat < 60 / found.bpm
    assert off_beat(found, first) < 0.01
    assert 0.6 < found.confidence <= 1


@pytest.mark.parametrize("bpm", [60, 97, 120, 174])
def test_without_a_hint_the_tempo_is_right_up_to_an_octave(bpm: float) -> None:
    octaves = np.log2(heard(beats.clicks(30, bpm, 0.1)).bpm / bpm)
    assert octaves == pytest.approx(np.rint(octaves), abs=0.002)


@pytest.mark.parametrize("kind", [about, number])
@pytest.mark.parametrize(("bpm", "octave"), [(75, 75), (80, 75), (140, 150), (150, 150)])
def test_what_was_asked_for_decides_the_octave(
    kind: Callable[[float], Expected], bpm: float, octave: float
) -> None:
    drums = beats.kit(20, 150, beats.ROCK)
    assert heard(drums, kind(bpm)).bpm == pytest.approx(octave, rel=0.001)


@pytest.mark.parametrize("kind", [about, number])
@pytest.mark.parametrize("off", [1.5, 2 / 3, 0.75, 0.96, 1.1])
def test_another_tempo_than_was_asked_for_is_measured_not_believed(
    kind: Callable[[float], Expected], off: float
) -> None:
    found = heard(beats.clicks(20, 104, 0.0), kind(104 * off)).bpm
    assert min(abs(found / 104 - octave) for octave in (0.5, 1, 2)) < 0.001


@pytest.mark.parametrize(("bpm", "found"), [(90, 90), (60, 60), (100, 90)])
def test_a_number_decides_between_what_is_as_good(bpm: float, found: float) -> None:
    """Three to a beat or one and a half: both repeat."""
    waltz = beats.kit(24, 180, {90.0: "x.....", 7000.0: "x.x.x."})
    assert heard(waltz, number(bpm)).bpm == pytest.approx(found, rel=0.001)


@pytest.mark.parametrize("octave", [0.5, 1, 2])
@pytest.mark.parametrize("off", [-0.0015, 0.0015])
def test_a_tempo_hardly_off_a_number_is_the_number(off: float, octave: float) -> None:
    drums = beats.clicks(30, 100 * (1 + off), 0.137)
    found = heard(drums, number(100 * octave))
    assert found.bpm in {50, 100, 200}
    assert off_beat(found, 0.137 - 15 * off) < 0.02, "right in the middle of the clip"
    assert heard(drums, about(100)).bpm == pytest.approx(100 * (1 + off), rel=0.0005)


@pytest.mark.parametrize("off", [-0.004, 0.004])
def test_a_tempo_further_off_a_number_is_not(off: float) -> None:
    bpm = 100 * (1 + off)
    found = heard(beats.clicks(30, bpm, 0.0), number(100)).bpm
    assert found == pytest.approx(bpm, rel=0.0005)


def test_a_word_does_not_double_a_slow_beat_that_nothing_divides() -> None:
    assert heard(beats.clicks(20, 75, 0.1), about(140)).bpm == pytest.approx(75, rel=0.001)


def test_clips_of_a_track_have_one_tempo_and_their_own_beats() -> None:
    drums, sparse = beats.kit(20, 120, beats.ROCK), beats.clicks(20, 60, 0.3)
    assert heard(sparse).bpm == pytest.approx(60, rel=0.001)
    found = [one for one in rhythms([sparse, drums, drums]) if one]
    assert [one.bpm for one in found] == pytest.approx([120] * 3, rel=0.001)
    apart = [off_beat(one, beat) for one, beat in zip(found, (0.3, 0.0, 0.0), strict=True)]
    assert apart == pytest.approx([0, 0, 0], abs=0.02)


def drum_and_bass(first: float, drum: float, bass: float) -> Pcm16:
    """Drums on the beat and basses off it, at 120 BPM, as loud as is said."""
    on, off = np.arange(first, 20, 0.5), np.arange(first + 0.25, 20, 0.5)
    return beats.hits(20, on, 3000, drum) + beats.hits(20, off, 100, bass)


def test_what_is_on_the_beat_in_one_clip_is_so_in_all() -> None:
    """Alone, the bass of the second is its beat."""
    starts = (0.1, 0.2, 0.0)
    clips = [drum_and_bass(start, 0.3, 0.1) for start in starts]
    clips[1] = drum_and_bass(starts[1], 0.05, 0.6)
    assert off_beat(heard(clips[1]), starts[1] + 0.25) < 0.02
    for order in ((0, 1, 2), (1, 0, 2), (1, 2, 0)):
        one, *others = (
            (found, starts[k])
            for found, k in zip(rhythms([clips[k] for k in order]), order, strict=True)
            if found
        )
        assert len(others) == 2
        for found, start in others:
            assert 0 <= found.first_beat < 0.5
            assert off_beat(found, one[0].first_beat - one[1] + start) < 0.02


@pytest.mark.parametrize(("beat", "later"), [(0.5, 0.25), (1.0, 0.25), (1.0, 0.75)])
def test_many_quiet_instruments_say_more_of_the_beat_than_a_loud_one(
    beat: float, later: float
) -> None:
    """The bass, which alone decides, changes its place between two clips; the others do not."""
    on, off = np.arange(0.1, 12, beat), np.arange(0.1 + later, 12, beat)
    voices = [beats.hits(12, on, hertz, 0.08) for hertz in (400, 2000, 8000)]
    voices += [beats.hits(12, off, hertz, 0.08) for hertz in (900, 4000, 14_000)]
    clips = [np.sum([*voices, beats.hits(12, times, 100, 0.3)], axis=0) for times in (on, off)]
    counted = number(60 / beat)
    alone = [heard(clip, counted).first_beat for clip in clips]
    assert alone == pytest.approx([0.1, 0.1 + later], abs=0.02)
    one, other = (found.first_beat for found in rhythms(clips, counted) if found)
    assert one == pytest.approx(other, abs=0.02)


@pytest.mark.parametrize("off", [0.98, 1.02, 1.03])
def test_a_clip_in_another_tempo_has_no_beat_to_join_by(off: float) -> None:
    drums, away, near = (beats.kit(20, 100 * by, beats.ROCK) for by in (1, off, 1.008))
    assert [found is None for found in rhythms([drums, drums, away])] == [False, False, True]
    assert None not in rhythms([drums, drums, near])


def test_the_tempo_of_a_track_is_that_of_its_clearest_clip() -> None:
    found = [Rhythm(100, 0.1, 0.6), None, Rhythm(100.5, 0.2, 0.9)]
    assert overall(found) == Rhythm(100.5, 0.2, 0.5)
    assert overall([None, None]) is None
    assert overall([]) is None
    assert rhythms([]) == []


@pytest.mark.parametrize("bpm", range(145, 181, 5))
def test_fast_eighths_are_not_counted_in_dotted_beats(bpm: float) -> None:
    found = heard(beats.kit(20, bpm, beats.ROCK)).bpm / bpm
    assert min(abs(found - octave) for octave in (0.5, 1, 2)) < 0.002


@pytest.mark.parametrize("expected", [None, number(97)])
def test_there_is_no_beat_in_noise_tones_and_silence(expected: Expected | None) -> None:
    dice = np.random.default_rng(3)
    for wave in (material.pink(20), material.sine(20), np.zeros((20 * RATE, 2), np.float32)):
        assert rhythm(material.pcm16(wave), expected) is None
    for _ in range(5):
        assert rhythm(beats.hits(20, dice.uniform(0, 20, 40), 1000), expected) is None


def test_nor_in_a_moment() -> None:
    assert rhythm(beats.clicks(5.9, 120, 0)) is None
    assert rhythm(beats.clicks(6.1, 120, 0)) is not None
    assert rhythm(np.zeros((0, 2), np.int16)) is None


@pytest.mark.parametrize("style", DRUMMED)
def test_the_composers_beat_is_heard(style: str) -> None:
    """Its pieces begin on a beat."""
    clip = composed.clip(style, "97 BPM", 1)
    found = heard(clip, about(97))
    assert found.bpm == pytest.approx(97, rel=0.001)
    assert off_beat(found, 0.0) < 0.025
    octaves = np.log2(heard(clip).bpm / 97)
    assert octaves == pytest.approx(np.rint(octaves), abs=0.007)


def test_drums_are_clearer_than_pads() -> None:
    pads = rhythm(composed.clip("ambient", "97 BPM", 1), about(97))
    drums = min(heard(composed.clip(style, "97 BPM", 1), about(97)).confidence for style in DRUMMED)
    assert drums > CLEAR + 0.05
    assert pads is None or pads.confidence < drums


def test_chunks_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    drums = beats.kit(10, 131, beats.ROCK)
    whole = module.flux(drums)
    monkeypatch.setattr(module, "_CHUNK", 7)
    assert np.allclose(module.flux(drums), whole, atol=1e-5)


def test_a_long_track_takes_little_memory() -> None:
    track = np.tile(beats.kit(20, 120, beats.ROCK), (6, 1))
    tracemalloc.start()
    try:
        found = heard(track, about(120))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.bpm == pytest.approx(120, rel=0.0005)
    assert peak < 24 * 2**20
