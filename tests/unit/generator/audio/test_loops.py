"""Loops, repeated: nothing is heard where one round becomes the next."""

import numpy as np
import pytest

from services.generator.audio.joining import Joined
from services.generator.audio.pcm import RATE, Pcm16, Samples, to_float
from services.generator.audio.rhythm import Rhythm
from services.generator.audio.timeline import Timeline, plan
from tests.unit.generator.audio import beats, composed

SEAM = RATE // 20
FAMILIES = (
    *(("rock", "119 BPM"), ("electronic", "102 BPM"), ("jazz", "132 BPM")),
    *(("ambient", "97 BPM"), ("classical", "97 BPM")),
)


def looped(clips: list[Pcm16], timeline: Timeline) -> Samples:
    return np.concatenate(list(Joined(clips, timeline, remove_offset=False).blocks()))


def steepest(wave: Samples) -> float:
    return float(np.abs(np.diff(wave, axis=0)).max())


def level(wave: Samples) -> float:
    return float(10 * np.log10((wave.astype(np.float64) ** 2).mean() + 1e-9))


@pytest.mark.parametrize("seconds", [4.0, 9.7, 20.0, 32.268])
@pytest.mark.parametrize(("style", "tempo"), FAMILIES)
def test_the_seam_is_the_clip_itself(style: str, tempo: str, seconds: float) -> None:
    """Four rounds of 20 loops: over each seam the samples run on as in the clip."""
    clip = composed.clip(style, tempo, 1)
    timeline = plan(round(seconds * RATE), [len(clip)], [beats.rhythm(clip)], loop=True)
    wave = looped([clip], timeline)
    assert len(wave) == timeline.frames
    assert seconds - 2.5 < len(wave) / RATE < seconds + 1.3
    rounds = np.tile(wave, (4, 1))
    begin = timeline.segments[0].start + timeline.loop_overlap
    original = to_float(clip[begin - SEAM : begin + SEAM])
    for seam in (1, 2, 3):
        around = rounds[seam * len(wave) - SEAM : seam * len(wave) + SEAM]
        assert np.array_equal(around[SEAM:], original[SEAM:])
        assert np.abs(around[SEAM - 20 : SEAM] - original[SEAM - 20 : SEAM]).max() < 0.003
        assert steepest(around) <= steepest(to_float(clip))
        assert level(around) == pytest.approx(level(original), abs=3)


@pytest.mark.parametrize("bpm", [61.3, 97.0, 120.5, 174.0])
def test_the_beat_goes_on_over_the_seam(bpm: float) -> None:
    heard = Rhythm(bpm, 0.2, 1)
    clip = beats.clicks(32.768, bpm, heard.first_beat)
    wave = looped([clip], plan(10 * RATE, [len(clip)], [heard], loop=True))
    assert np.abs(wave[:48]).max() > 0.05, "it begins on a beat"
    loud = np.flatnonzero(np.abs(np.tile(wave, (4, 1))[:, 0]) > 0.05)
    starts = loud[np.diff(loud, prepend=-RATE) > RATE // 10]
    assert len(starts) == 4 * round(len(wave) / RATE * bpm / 60)
    assert np.diff(starts) == pytest.approx(60 / bpm * RATE, abs=30)


def test_two_clips_close_to_a_loop_on_the_beat() -> None:
    rhythms = [Rhythm(120, 0.1, 1), Rhythm(119.9, 0.33, 1)]
    clips = [beats.clicks(14, heard.bpm, heard.first_beat) for heard in rhythms]
    timeline = plan(20 * RATE, [len(clip) for clip in clips], rhythms, loop=True)
    wave = looped(clips, timeline)
    loud = np.flatnonzero(np.abs(np.tile(wave, (4, 1))[:, 0]) > 0.05)
    starts = loud[np.diff(loud, prepend=-RATE) > RATE // 10]
    assert np.diff(starts) == pytest.approx(RATE / 2, abs=100)


def test_a_loop_has_no_fades() -> None:
    clip = np.full((12 * RATE, 2), 16_384, np.int16)
    wave = looped([clip], plan(8 * RATE, [len(clip)], [None], loop=True))
    assert np.abs(wave - 0.5).max() < 0.001


def test_music_that_differs_closes_without_a_dip() -> None:
    clip = np.random.default_rng(4).normal(0, 3000, (12 * RATE, 2)).astype(np.int16)
    timeline = plan(8 * RATE, [len(clip)], [None], loop=True)
    wave = looped([clip], timeline)
    closing = wave[-timeline.loop_overlap :]
    for part in np.array_split(closing, 5):
        assert level(part) == pytest.approx(level(wave), abs=0.3)
