"""Texture: strokes left out where little is to go on, strokes between where much is."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from deploy.local.vertex.music.grooves import CLOSED, RIDE, SHAKER
from deploy.local.vertex.music.piece import Note, Piece
from deploy.local.vertex.music.style import Line

_GRID: Final = 4
"""Places per beat: what falls on one place is played or left out together."""
_THINNED: Final = frozenset({"bass", "drums", "melody", "pattern", "scatter", "walk"})
_FILLED: Final = frozenset({"bass", "drums", "pattern"})
_LIGHTNESS: Final = ((16, 0.0), (8, 0.15), (4, 0.4), (2, 0.8), (1, 0.95))
"""How readily a stroke is left out, by what divides its place: 16 is a bar, 4 a beat."""
_HATS: Final = frozenset({CLOSED, RIDE, SHAKER})
_LONGEST_GAP: Final = 8
_SHORTEST_SECONDS: Final = 0.13
_SOFTER: Final = 0.7

Places = Mapping[int, Sequence[Note]]


def textured(piece: Piece, line: Line, notes: Iterable[Note]) -> list[Note]:
    """The notes of a line, fewer or more of them as mood and section want it."""
    places: dict[int, list[Note]] = {}
    for note in notes:
        places.setdefault(round(note.beat * _GRID), []).append(note)
    if line.figure in _THINNED:
        places = dict(_thinned(piece, line, places))
    played = [note for place in places.values() for note in place]
    if line.figure in _FILLED:
        played += _between(piece, line, places)
    return sorted(played, key=lambda note: note.beat)


def _thinned(piece: Piece, line: Line, places: Places) -> Iterator[tuple[int, list[Note]]]:
    dice = piece.dice(f"{line.name}/thinned")
    for place, notes in sorted(places.items()):
        light = next(chance for divisor, chance in _LIGHTNESS if place % divisor == 0)
        if dice.random() >= -density(piece, place / _GRID) * light:
            yield place, list(notes)


def _between(piece: Piece, line: Line, places: Places) -> Iterator[Note]:
    """Softer repetitions halfway to the next stroke, unless they would come too fast."""
    dice = piece.dice(f"{line.name}/between")
    hats = line.figure == "drums"
    struck = {
        place: [note for note in notes if not hats or note.pitch in _HATS]
        for place, notes in sorted(places.items())
    }
    for place, after in pairwise(place for place, notes in struck.items() if notes):
        half = (after - place) / _GRID / 2
        fits = after - place <= _LONGEST_GAP and half * 60 / piece.bpm >= _SHORTEST_SECONDS
        if fits and dice.random() < density(piece, place / _GRID):
            for note in struck[place]:
                yield replace(note, beat=note.beat + half, velocity=_SOFTER * note.velocity)


def density(piece: Piece, beat: float) -> float:
    """How much more (up to 1) or less (down to -1) goes on at a beat than is usual."""
    section = piece.at(beat)
    here = section.passage.density if section else 0.0
    return max(-1.0, min(1.0, piece.brief.mood.density + here))
