"""The local composer in full counts, by ear: instruments, tempo, styles, moods, sections."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from deploy.local.soundfont import soundfont
from deploy.local.vertex.music.compose import compose
from deploy.local.vertex.music.prompts import STYLES, read
from deploy.local.vertex.music.sketch import sketch, stems
from deploy.local.vertex.music.wav import RATE, pcm
from tests.support.listening import (
    boundaries,
    brightness,
    joined,
    onset_density,
    outsiders,
    tempo,
)

pytestmark = pytest.mark.sound

SEEDS = range(5)
PROGRAMS = {
    "piano": {*range(6)},
    "guitar": {*range(24, 32)},
    "strings": {*range(40, 46), *range(48, 52), 110},
    "bells": {*range(8, 16), 108, 112, 114},
    "saxophone": {*range(64, 68)},
    "flute": {*range(72, 80)},
    "synth": {38, 39, 50, 51, 54, 62, 63, *range(80, 104)},
    "bass": {*range(32, 40), 43},
    "choir": {52, 53, 54, 91},
    "harp": {46},
    "organ": {*range(16, 21)},
    "brass": {*range(56, 64)},
    "drums": set[int](),
}
"""General MIDI programs, counted from 0; drums are a bank of their own."""
TEXTS = (
    "a lantern on the water",
    "a letter from home",
    "a walk through the town",
    "the old bridge",
    "a garden gate",
    "the road north",
    "a table by the window",
    "two birds",
    "the post office",
    "a box of stones",
)
PAIRS = (
    ("happy", "sad"),
    ("bright", "dark"),
    ("peaceful", "angry"),
    ("dreamy", "tense"),
    ("gentle", "aggressive"),
    ("dense", "calm"),
    ("epic", "sparse"),
    ("light", "heavy"),
)
PLACES = (
    ", opening section, building up",
    ", development section, in full flow",
    ", climax section, at its height",
    ", ending section, coming to a close",
)


@lru_cache(maxsize=4)
def clip(prompt: str, seed: int) -> NDArray[np.float32]:
    samples = pcm(sketch(prompt, "", seed, soundfont())).astype(np.float32)
    samples /= 32768
    return samples


def ratio_to(bpm: float, samples: NDArray[np.float32]) -> float:
    """How far the tempo heard is off, as a share, up to an octave."""
    heard = tempo(samples) / bpm
    return min(abs(heard / octave - 1) for octave in (0.5, 1, 2))


@pytest.mark.parametrize("instrument", PROGRAMS)
def test_a_named_instrument_is_heard(instrument: str) -> None:
    for seed in SEEDS:
        style = STYLES[(seed + len(instrument)) % len(STYLES)]
        prompt = f"Generate {style} music: {instrument} at daybreak, moderate tempo"
        every = stems(prompt, "", seed, soundfont())
        mix = np.square(sum(every.values())).mean()
        assert 10 * np.log10(np.square(every[instrument]).mean() / mix) > -25


@pytest.mark.parametrize("instrument", PROGRAMS)
def test_a_forbidden_instrument_has_no_note(instrument: str) -> None:
    for seed, style in product(SEEDS, STYLES):
        prompt = f"Generate {style} music: {instrument} at daybreak, moderate tempo"
        _, parts = compose(read(prompt, f"no {instrument}"), seed)
        for part in parts:
            kit = part.line.figure == "drums"
            assert part.notes
            assert kit or part.player.program not in PROGRAMS[instrument]
            assert not (kit and instrument == "drums")


@pytest.mark.parametrize("style", ["instrumental", "rock", "electronic", "jazz"])
def test_the_beat_is_exact(style: str) -> None:
    for seed, bpm in enumerate((48, 71.5, 90, 113, 139, 168, 205)):
        prompt = f"Generate {style} music: {TEXTS[seed]}, {bpm} BPM tempo"
        assert ratio_to(bpm, clip(prompt, seed)) < 0.005


def test_the_style_is_heard() -> None:
    names, features = [], []
    for style, (seed, text) in product(STYLES, enumerate(TEXTS)):
        heard = clip(f"Generate {style} music: {text}, moderate tempo", seed)
        names.append(style)
        features.append((np.log2(tempo(heard)), brightness(heard), onset_density(heard)))
    assert len(outsiders(np.array(features), names)) <= 0.1 * len(names)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_moods_are_heard_as_mode_register_or_density(one: str, other: str) -> None:
    """Brightness or onsets differ by more than twice what seeds and words do, or the mode does."""

    def heard(word: str) -> Iterator[tuple[float, float, bool]]:
        for seed in range(3):
            prompt = f"Generate instrumental music: {TEXTS[seed]}, {word}, 100 BPM tempo"
            major = compose(read(prompt), seed)[0].major
            yield brightness(clip(prompt, seed)), onset_density(clip(prompt, seed)), major

    first, second = (np.array(list(heard(word)), float) for word in (one, other))
    spread = np.sqrt((first.var(axis=0) + second.var(axis=0)) / 2) + 1e-9
    assert (np.abs(first.mean(axis=0) - second.mean(axis=0)) / spread).max() > 2


@pytest.mark.parametrize("style", STYLES)
def test_two_minutes_have_three_sections_and_one_beat(style: str) -> None:
    prompt = f"Generate {style} music: {TEXTS[1]}, moderate tempo"
    clips = [clip(prompt + place, seed) for seed, place in enumerate(PLACES)]
    whole = joined(clips, 2 * RATE)[: 120 * RATE]
    assert len(boundaries(whole)) >= 2
    assert ratio_to(compose(read(prompt), 0)[0].bpm, whole) < 0.005
