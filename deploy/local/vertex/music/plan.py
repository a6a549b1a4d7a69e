"""The plan of a piece: key, tempo, sections, and which chord sounds when."""

import math
import random
from collections.abc import Iterator, Sequence
from typing import Final

from deploy.local.vertex.music.forms import FINAL, Passage, ending, unending, whole
from deploy.local.vertex.music.keys import Key
from deploy.local.vertex.music.piece import BAR, Piece, Section, Span, dice
from deploy.local.vertex.music.prompts import FASTEST, SLOWEST, Brief
from deploy.local.vertex.music.style import Harmony, Style
from deploy.local.vertex.music.theory import Chord, chord
from deploy.local.vertex.music.wav import SECONDS

_LAST_CHORD_SECONDS: Final = 29.2
"""The final chord starts before this, so that a clip cut to 30 s still has its ending."""
_SLOT_SECONDS: Final = (1.6, 3.2)
"""A slot is the usual time of a chord; half a bar, a bar or two, to take so long."""


def plan(style: Style, brief: Brief, seed: int) -> Piece:
    """Decide what the piece is.

    Key, mode and tempo come from the words alone: takes of one prompt with other seeds fit
    together. Chords and themes do so too in clips of a longer piece; in a whole one they come
    from the seed, as all that the players do with them.
    """
    words = dice(brief.words)
    key = brief.key or _key(style, brief, words)
    bpm = brief.bpm or _bpm(style, brief, words)
    own = f"{brief.words}\n{brief.place or ''}\n{seed}"
    themes = brief.words if brief.place else own
    harmony = style.major if key.major else style.minor
    sections = tuple(_sections(harmony, _form(style, brief, bpm), bpm, dice(f"{themes}/chords")))
    final = _final(harmony, sections[-1], bpm) if _ends(brief) else None
    return Piece(style, brief, own, themes, bpm, key.tonic, key.major, sections, final)


def _key(style: Style, brief: Brief, words: random.Random) -> Key:
    bright = brief.mood.brightness
    major = bright > 0 or (bright == 0 and words.random() < style.major_share)
    return Key(words.choice(style.keys), major)


def _bpm(style: Style, brief: Brief, words: random.Random) -> float:
    centre = style.tempi[("slow", "moderate", "fast").index(brief.tempo)]
    bpm = centre * (1 + 0.05 * brief.mood.energy) + words.randint(-3, 3)
    return min(max(round(bpm), SLOWEST), FASTEST)


def _ends(brief: Brief) -> bool:
    return brief.place in {None, "ending"}


def _form(style: Style, brief: Brief, bpm: float) -> list[Passage]:
    """The sections that fill a clip, or that come before its final chord."""
    if brief.place and not _ends(brief):
        return unending(brief.place, math.ceil(SECONDS * bpm / 60 / _slot(bpm)))
    slots = int((_LAST_CHORD_SECONDS * bpm / 60 - style.ritard) / _slot(bpm))
    return ending(slots) if brief.place else whole(slots)


def _slot(bpm: float) -> float:
    shortest, longest = _SLOT_SECONDS
    bar_seconds = BAR * 60 / bpm
    return BAR / 2 if bar_seconds > longest else BAR * 2 if bar_seconds < shortest else BAR


def _sections(
    harmony: Harmony, form: Sequence[Passage], bpm: float, chords: random.Random
) -> Iterator[Section]:
    written = list(_written(harmony, form, chords))
    slot = _slot(bpm)
    start = 0.0
    for index, (passage, phrase) in enumerate(zip(form, written, strict=True)):
        after = written[index + 1][0].split(",")[0] if index + 1 < len(form) else harmony.end
        yield _section(passage, phrase, start, slot, chord(after))
        start += slot * len(phrase)


def _written(
    harmony: Harmony, form: Sequence[Passage], chords: random.Random
) -> Iterator[tuple[str, ...]]:
    """The numerals of each section, by take; a short one has the end of its phrase."""
    progressions = {
        "A": chords.sample(harmony.a, len(harmony.a)),
        "B": chords.sample(harmony.b, len(harmony.b)),
    }
    for passage in form:
        choice = progressions["B" if passage.letter == "B" else "A"]
        phrase = tuple(choice[passage.take % len(choice)].split())
        if passage.closing:
            phrase = (*phrase[:-1], harmony.cadence)
        yield phrase[-passage.slots :]


def _section(
    passage: Passage, phrase: tuple[str, ...], start: float, slot: float, after: Chord
) -> Section:
    parts = [
        (start + slot * (i + k / len(halves)), slot / len(halves), chord(numeral))
        for i, halves in enumerate(numerals.split(",") for numerals in phrase)
        for k, numeral in enumerate(halves)
    ]
    following = [c for _, _, c in parts[1:]] + [after]
    spans = tuple(
        Span(at, beats, c, nxt, start, passage)
        for (at, beats, c), nxt in zip(parts, following, strict=True)
    )
    return Section(passage, start, slot, spans)


def _final(harmony: Harmony, last: Section, bpm: float) -> Span:
    tonic = chord(harmony.end)
    return Span(last.end, SECONDS * bpm / 60 - last.end, tonic, tonic, last.end, FINAL)
