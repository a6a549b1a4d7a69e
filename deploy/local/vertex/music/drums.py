"""The drummer: the groove of each section, turns and fills, cymbals at the joints."""

import random
from collections.abc import Iterator
from itertools import chain
from typing import Final

from deploy.local.vertex.music.grooves import (
    CRASH,
    CRASHING,
    FILLS,
    GROOVES,
    KICK,
    STEPS,
    TURNS,
    Bar,
)
from deploy.local.vertex.music.piece import BAR, Note, Piece, Section
from deploy.local.vertex.music.style import Line

_FORCE: Final = {"X": 1.0, "x": 0.8, "o": 0.55, "g": 0.3}
_GHOSTS: Final = 0.75
"""How many of the ghost strokes are played."""
_PHRASE: Final = 2
"""Bars after which the drummer marks a turn."""
_BEAT: Final = STEPS // 4
_A_MOMENT: Final = 1e-6


def drums(piece: Piece, line: Line) -> Iterator[Note]:
    """The groove of each section; its last bar is a fill, a cymbal opens the next."""
    dice = piece.dice(line.name)
    name = line.patterns[0]
    for section in piece.sections:
        if section.letter in line.plays and section.letter in GROOVES[name]:
            if section.letter in "BC" and name in CRASHING:
                yield Note(section.start, 2.0, CRASH, 0.85)
            yield from chain.from_iterable(
                _played(bar, start, section, dice)
                for start, bar in _bars(section, GROOVES[name][section.letter], name, dice)
            )


def _bars(
    section: Section, groove: Bar, name: str, dice: random.Random
) -> Iterator[tuple[float, Bar]]:
    """Each bar's start and strokes: the groove, a turn every other time, at last a fill."""
    count = -int(-(section.end - section.start) // BAR)
    for index in range(count):
        fill = dice.choice(FILLS[name])
        if index == count - 1:
            bar = _filled(groove, fill)
        elif (index + 1) % _PHRASE == 0:
            bar = _turned(groove, dice.choice(TURNS[name]))
        else:
            bar = groove
        yield section.start + index * BAR, bar


def _filled(groove: Bar, fill: Bar) -> Bar:
    """The groove to the middle of the bar, its kick to the end; over it the fill."""
    if not fill:
        return groove
    half = {key: line[: STEPS // 2].ljust(STEPS, ".") for key, line in groove.items()}
    return {**half, KICK: groove.get(KICK, ""), **fill}


def _turned(groove: Bar, turn: Bar) -> Bar:
    """The groove with other strokes on its last beat."""
    silent = "." * STEPS
    other = {key: groove.get(key, silent)[:-_BEAT] + strokes for key, strokes in turn.items()}
    return {**groove, **other}


def _played(strokes: Bar, start: float, section: Section, dice: random.Random) -> Iterator[Note]:
    energy = 0.8 + 0.2 * section.passage.energy
    for key, line in strokes.items():
        for step, sign in enumerate(line):
            beat = start + step * BAR / STEPS
            played = sign in _FORCE and (sign != "g" or dice.random() < _GHOSTS)
            if played and beat < section.end - _A_MOMENT:
                yield Note(beat, 0.2, key, _FORCE[sign] * energy)
