"""Keys of cadences in all twenty-four, and of what has none."""

import numpy as np
import pytest

from services.generator.audio.key import key
from services.generator.audio.pcm import RATE, Pcm16
from tests.unit.generator.audio import composed, material

NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
CADENCES = {
    "major": ((0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7)),
    "minor": ((0, 3, 7), (5, 8, 12), (7, 11, 14), (0, 3, 7)),
}
MIDDLE_C = 60


def chord(notes: tuple[int, ...], tonic: int, seconds: float = 1.0) -> Pcm16:
    """Tones of three partials, with the root in the bass."""
    time = np.arange(round(seconds * RATE)) / RATE
    pitches = [notes[0] - 24, *notes]
    wave = np.zeros_like(time)
    for pitch in pitches:
        hertz = 440 * 2 ** ((MIDDLE_C + (tonic + 6) % 12 - 6 + pitch - 69) / 12)
        wave += sum(np.sin(2 * np.pi * k * hertz * time) / k for k in (1, 2, 3))
    return np.repeat((2000 * wave).astype(np.int16)[:, np.newaxis], 2, axis=1)


def cadence(tonic: int, mode: str) -> Pcm16:
    return np.concatenate([chord(notes, tonic) for notes in CADENCES[mode]])


@pytest.mark.parametrize("mode", CADENCES)
@pytest.mark.parametrize("tonic", range(12))
def test_a_cadence_names_its_key(tonic: int, mode: str) -> None:
    found = key([cadence(tonic, mode)])
    assert found is not None
    assert found.name == f"{NAMES[tonic]} {mode}"
    assert 0.7 < found.confidence <= 1


@pytest.mark.parametrize(
    ("notes", "name"), [((0, 4, 7, 16, 19), "C major"), ((-3, 4, 7, 12, 19), "A minor")]
)
def test_the_bass_outweighs_what_is_doubled_above(notes: tuple[int, ...], name: str) -> None:
    """E and G twice above it: without the bass both are E minor."""
    found = key([chord(notes, 0, 4.0)])
    assert found is not None
    assert found.name == name


def test_all_clips_count_and_loud_ones_no_more() -> None:
    c, f_sharp = cadence(0, "major"), cadence(6, "major")
    for clips in ([c, c, f_sharp], [c, f_sharp, c], [c // 8, c // 8, f_sharp]):
        found = key(clips)
        assert found is not None
        assert found.name == "C major"


def test_there_is_no_key_in_noise_silence_or_nothing() -> None:
    noise = material.pcm16(material.pink(10))
    assert key([noise]) is None
    assert key([np.zeros((10 * RATE, 2), np.int16)]) is None
    assert key([chord((0, 4, 7), 0, 0.1)]) is None
    assert key([]) is None


@pytest.mark.parametrize("style", ["rock", "electronic", "ambient"])
def test_music_has_a_key(style: str) -> None:
    found = key([composed.clip(style, "97 BPM", 1)])
    assert found is not None
    assert found.confidence > 0.6
