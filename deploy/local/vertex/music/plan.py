"""The plan of a piece: key, tempo, sections, and which chord sounds when."""

import random
from collections.abc import Iterator
from typing import Final

from deploy.local.vertex.music.piece import BAR, Piece, Section, Span, dice
from deploy.local.vertex.music.prompts import FASTEST, SLOWEST, Brief
from deploy.local.vertex.music.style import Harmony, Style
from deploy.local.vertex.music.theory import Chord, chord
from deploy.local.vertex.music.wav import SECONDS

_LAST_CHORD_SECONDS: Final = 29.2
"""The final chord starts before this, so that a clip cut to 30 s still has its ending."""
_SLOT_SECONDS: Final = (1.6, 3.2)
"""A slot is the usual time of a chord; half a bar, a bar or two, to take so long."""
_PLANS: Final = {
    8: "A4 C4",
    9: "I1 A4 C4",
    10: "I2 A4 C4",
    11: "I1 A4 B2 C4",
    12: "I2 A4 B2 C4",
    13: "I1 A4 B4 C4",
    14: "I2 A4 B4 C4",
    15: "I3 A4 B4 C4",
    16: "I4 A4 B4 C4",
    17: "I1 A4 A4 B4 C4",
    18: "I2 A4 A4 B4 C4",
}
"""Sections with their slots, by the number of slots before the final chord."""


def plan(style: Style, brief: Brief, identity: str, seed: str) -> Piece:
    """Decide what the piece is.

    Key, mode and tempo come from the words alone (`identity`): takes of one prompt with other
    seeds fit together. Chords, and all the players do, come from `seed` too.
    """
    words = dice(identity)
    major = brief.brightness > 0 or (brief.brightness == 0 and words.random() < style.major_share)
    tonic = words.choice(style.keys)
    bpm = brief.bpm or _bpm(style, brief, words)
    harmony = style.major if major else style.minor
    latest = _LAST_CHORD_SECONDS * bpm / 60 - style.ritard
    *sections, last = _sections(harmony, bpm, latest, dice(f"{seed}/chords"))
    return Piece(style, brief, seed, bpm, tonic, major, tuple(sections), last.spans[0])


def _bpm(style: Style, brief: Brief, words: random.Random) -> float:
    centre = style.tempi[("slow", "moderate", "fast").index(brief.tempo)]
    bpm = centre * (1 + 0.05 * brief.energy) + words.randint(-3, 3)
    return min(max(round(bpm), SLOWEST), FASTEST)


def _sections(
    harmony: Harmony, bpm: float, latest: float, chords: random.Random
) -> Iterator[Section]:
    slot = _slot(bpm)
    written = list(_written(harmony, int(latest / slot), chords))
    tonic = chord(harmony.end)
    start = 0.0
    for index, (letter, phrase) in enumerate(written):
        after = chord(written[index + 1][1][0].split(",")[0]) if index + 1 < len(written) else tonic
        yield _section(letter, phrase, start, slot, after)
        start += slot * len(phrase)
    rest = SECONDS * bpm / 60 - start
    yield Section("F", start, slot, (Span(start, rest, tonic, tonic, "F", start),))


def _slot(bpm: float) -> float:
    shortest, longest = _SLOT_SECONDS
    bar_seconds = BAR * 60 / bpm
    return BAR / 2 if bar_seconds > longest else BAR * 2 if bar_seconds < shortest else BAR


def _written(
    harmony: Harmony, slots: int, chords: random.Random
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Letter and numerals of each section; a short one has the end of its phrase."""
    phrases = {"A": tuple(chords.choice(harmony.a).split())}
    phrases |= {"I": phrases["A"], "B": tuple(chords.choice(harmony.b).split())}
    phrases |= {"C": (*phrases["A"][:-1], harmony.cadence)}
    for section in _PLANS[slots].split():
        yield section[0], phrases[section[0]][-int(section[1:]) :]


def _section(
    letter: str, phrase: tuple[str, ...], start: float, slot: float, after: Chord
) -> Section:
    parts = [
        (start + slot * (i + k / len(halves)), slot / len(halves), chord(numeral))
        for i, halves in enumerate(numerals.split(",") for numerals in phrase)
        for k, numeral in enumerate(halves)
    ]
    following = [c for _, _, c in parts[1:]] + [after]
    spans = tuple(
        Span(at, beats, c, nxt, letter, start)
        for (at, beats, c), nxt in zip(parts, following, strict=True)
    )
    return Section(letter, start, slot, spans)
