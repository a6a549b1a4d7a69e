"""Chords, scales and voice leading."""

import pytest

from deploy.local.vertex.music.style import Harmony
from deploy.local.vertex.music.styles import STYLES
from deploy.local.vertex.music.theory import (
    SCALES,
    bent_scale,
    chord,
    ladder,
    led,
    nearest,
    voicings,
)


@pytest.mark.parametrize(
    ("numeral", "notes"),
    [
        ("I", (0, 4, 7)),
        ("vi", (9, 0, 4)),
        ("V7", (7, 11, 2, 5)),
        ("bVII", (10, 2, 5)),
        ("iiø", (2, 5, 8, 0)),
        ("bIIImaj7", (3, 7, 10, 2)),
        ("Imaj9", (0, 4, 7, 11, 2)),
        ("Vsus4", (7, 0, 2)),
        ("I5", (0, 7)),
    ],
)
def test_roman_numerals(numeral: str, notes: tuple[int, ...]) -> None:
    assert chord(numeral).notes == notes


@pytest.mark.parametrize(("numeral", "bass"), [("V7/3", 11), ("I/5", 7), ("i/3", 3), ("IV", 5)])
def test_inversions_put_another_note_into_the_bass(numeral: str, bass: int) -> None:
    assert chord(numeral).bass == bass


@pytest.mark.parametrize("numeral", ["", "VIII", "Iv", "C", "I/7", "Imaj13", "i b"])
def test_what_is_no_chord_is_refused(numeral: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        chord(numeral)


@pytest.mark.parametrize(
    ("mode", "numeral", "scale"),
    [
        ("major", "IV", {0, 2, 4, 5, 7, 9, 11}),
        ("minor", "V", {0, 2, 3, 5, 7, 8, 11}),
        ("major", "VI7", {1, 2, 4, 5, 7, 9, 11}),
        ("major", "bVII", {0, 2, 4, 5, 7, 9, 10}),
        ("major", "iv6", {0, 2, 4, 5, 7, 8, 11}),
    ],
)
def test_a_borrowed_chord_bends_the_scale(mode: str, numeral: str, scale: set[int]) -> None:
    assert bent_scale(SCALES[mode], chord(numeral)) == scale


def test_voices_move_little_from_chord_to_chord() -> None:
    c, f, g = (chord(numeral).notes for numeral in ("I", "IV", "V"))
    first = led((64,), voicings(c, 0, 55, 76))
    second = led(first, voicings(f, 0, 55, 76))
    third = led(second, voicings(g, 0, 55, 76))
    for before, after in ((first, second), (second, third)):
        assert all(abs(a - b) <= 3 for a, b in zip(before, after, strict=True)), (before, after)


def test_ladder_and_nearest() -> None:
    assert ladder({0, 7}, tonic=2, low=48, high=62) == [50, 57, 62]
    assert nearest([50, 57, 62], 60) == 62
    assert nearest([50, 54], 52) == 50


def harmonies() -> list[tuple[str, Harmony]]:
    return [(name, h) for name, style in STYLES.items() for h in (style.major, style.minor)]


@pytest.mark.parametrize(("style", "harmony"), harmonies())
def test_every_progression_has_four_slots_of_known_chords(style: str, harmony: Harmony) -> None:
    for phrase in (*harmony.a, *harmony.b):
        assert len(phrase.split()) == 4, (style, phrase)
    for text in (*harmony.a, *harmony.b, harmony.cadence, harmony.end):
        for numeral in text.replace(",", " ").split():
            assert chord(numeral).notes
    assert chord(harmony.end).root == 0
