"""The drummer: the groove of each section, fills and cymbals at the joints."""

import random
from collections.abc import Iterator
from typing import Final

from deploy.local.vertex.music.grooves import CRASH, FILLS, GROOVES, KICK, STEPS, Bar
from deploy.local.vertex.music.piece import BAR, Note, Piece, Section
from deploy.local.vertex.music.style import Line

_FORCE: Final = {"X": 1.0, "x": 0.8, "o": 0.55, "g": 0.3}
_GHOSTS: Final = 0.75
"""How many of the ghost strokes are played."""
_CRASHING: Final = frozenset({"rock", "pop", "club"})
_A_MOMENT: Final = 1e-6


def drums(piece: Piece, line: Line) -> Iterator[Note]:
    """The groove of each section; its last bar is a fill, a cymbal opens the next."""
    dice = piece.dice("drums")
    name = piece.style.groove
    for section in piece.sections:
        if section.letter in line.plays and section.letter in GROOVES[name]:
            if section.letter in "BC" and name in _CRASHING:
                yield Note(section.start, 2.0, CRASH, 0.85)
            groove = GROOVES[name][section.letter]
            fill = _filled(groove, FILLS[name])
            for start, last in _bars(section):
                yield from _played(fill if last else groove, start, section, dice)


def _bars(section: Section) -> Iterator[tuple[float, bool]]:
    """The start of each bar, and whether it is the section's last."""
    start = section.start
    while start < section.end - _A_MOMENT:
        yield start, start + BAR >= section.end - _A_MOMENT
        start += BAR


def _filled(groove: Bar, fill: Bar) -> Bar:
    """The groove to the middle of the bar, its kick to the end; over it the fill."""
    if not fill:
        return groove
    half = {key: line[: STEPS // 2].ljust(STEPS, ".") for key, line in groove.items()}
    return {**half, KICK: groove.get(KICK, ""), **fill}


def _played(strokes: Bar, start: float, section: Section, dice: random.Random) -> Iterator[Note]:
    energy = 0.8 + 0.2 * section.spans[0].energy
    for key, line in strokes.items():
        for step, sign in enumerate(line):
            beat = start + step * BAR / STEPS
            played = sign in _FORCE and (sign != "g" or dice.random() < _GHOSTS)
            if played and beat < section.end - _A_MOMENT:
                yield Note(beat, 0.2, key, _FORCE[sign] * energy)
