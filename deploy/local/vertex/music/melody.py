"""Players of the tune: motifs that return, are sequenced, ornamented and brought to a close."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from deploy.local.vertex.music.piece import Note, Piece, Section, Span
from deploy.local.vertex.music.style import Line, Tune
from deploy.local.vertex.music.theory import PENTATONIC, ladder, nearest

_GRACE_LENGTH: Final = 1.0
_LONGEST_RUN: Final = 3
_LEAPS: Final = (2, 2, 3, 4)
_NEAR: Final = 4
_NEIGHBOURS: Final = (-1, -1, 1)


@dataclass(frozen=True)
class Motif:
    """A rhythm with a contour: for each of its notes the steps along the scale to get there."""

    cell: str
    moves: tuple[int, ...]

    def strokes(self) -> Iterator[tuple[int, int, int]]:
        """Place and length in steps of the cell, and move, of each note."""
        places = [k for k, sign in enumerate(self.cell) if sign == "x"]
        for place, move in zip(places, self.moves, strict=True):
            held = len(self.cell[place + 1 :]) - len(self.cell[place + 1 :].lstrip("-"))
            yield place, held + 1, move


def melody(piece: Piece, line: Line) -> Iterator[Note]:
    """The tune: A states it, B answers higher with another motif, C brings A back, ornamented."""
    phrases = _phrases(piece.style.tune, piece.theme("melody"))
    for section in piece.sections:
        dice = piece.dice(f"melody/{section.start}")
        notes = _sung(piece, line, section, phrases[section.passage.theme])
        if section.letter in line.plays:
            notes = _approached(notes, piece.style.tune.chromatic, dice)
            notes = list(_ornamented(piece, line, section, notes, dice))
            yield from _doubled(notes) if section.passage.octaves else notes


def _phrases(tune: Tune, dice: random.Random) -> dict[str, tuple[Motif, ...]]:
    """Four slots each: a motif, its answer, the motif again on another chord, a close.

    Small letters are the same upside down.
    """
    first, second, third = dice.sample(tune.cells, 3)
    idea, answer, contrast = (_motif(cell, tune, dice) for cell in (first, second, third))
    closes = [_motif(dice.choice(tune.closes), tune, dice) for _ in range(2)]
    upright = {
        "A": (idea, answer, idea, closes[0]),
        "B": (contrast, contrast, answer, closes[1]),
    }
    turned = {name.lower(): tuple(map(_inverted, phrase)) for name, phrase in upright.items()}
    return upright | turned


def _inverted(motif: Motif) -> Motif:
    return Motif(motif.cell, tuple(-move for move in motif.moves))


def _doubled(notes: Sequence[Note]) -> Iterator[Note]:
    """The tune and, softer, the same an octave higher."""
    for note in notes:
        yield note
        yield replace(note, pitch=note.pitch + 12, velocity=0.75 * note.velocity)


def _motif(cell: str, tune: Tune, dice: random.Random) -> Motif:
    """Mostly steps, three at most in one direction; a leap is followed by a step back."""
    moves = [0]
    way = dice.choice((-1, 1))
    for _ in range(cell.count("x") - 1):
        turn = abs(moves[-1]) > 1 or moves[-_LONGEST_RUN:] == [way] * _LONGEST_RUN
        way = -way if turn or dice.random() < tune.bend else way
        size = dice.choice(_LEAPS) if not turn and dice.random() < tune.leap else 1
        rest = moves[-1] and not turn and dice.random() < tune.repeat
        moves.append(0 if rest else way * size)
    return Motif(cell, tuple(moves))


def _sung(piece: Piece, line: Line, section: Section, phrase: tuple[Motif, ...]) -> list[Note]:
    """The phrase over the section's chords: strong notes in the chord, weak ones in the scale."""
    centre = line.low + (line.high - line.low) * section.passage.lift
    notes: list[Note] = []
    opening = centre
    slots = round((section.end - section.start) / section.slot)
    for slot, motif in enumerate(phrase[-slots:] if slots < len(phrase) else phrase):
        step = section.slot / len(motif.cell)
        here = {0: centre, 2: opening}.get(slot, notes[-1].pitch if notes else centre)
        for place, held, move in motif.strokes():
            beat = section.start + slot * section.slot + place * step
            strong = place == 0 or beat % 2 == 0 or held * step >= _GRACE_LENGTH
            here = _moved(piece, line, section.at(beat), here, move, strong=strong)
            notes.append(Note(beat, held * step * line.gate, here, _force(section, here, centre)))
        if slot == 0 and notes:
            opening = notes[0].pitch
    return _closed(piece, line, section, notes)


def _moved(piece: Piece, line: Line, span: Span, here: float, move: int, *, strong: bool) -> int:
    """The pitch `move` steps away; at the edges of the range the melody turns round."""
    rungs = ladder(_classes(piece, span), piece.tonic, line.low, line.high)
    at = rungs.index(nearest(rungs, here))
    to = at + move if 0 <= at + move < len(rungs) else at - move
    pitch = rungs[max(0, min(len(rungs) - 1, to))]
    if not strong:
        return pitch
    tones = ladder(span.chord.notes, piece.tonic, line.low, line.high)
    return nearest([tone for tone in tones if tone != here or not move] or tones, pitch)


def _classes(piece: Piece, span: Span) -> frozenset[int]:
    if piece.style.tune.pentatonic:
        return frozenset(PENTATONIC["major" if piece.major else "minor"]) | frozenset(
            span.chord.notes[:3]
        )
    return piece.scale_over(span.chord)


def _force(section: Section, pitch: int, centre: float) -> float:
    """Louder where it rises."""
    return 0.66 + 0.2 * section.spans[0].energy + max(-0.08, min(0.08, (pitch - centre) / 90))


def _closed(piece: Piece, line: Line, section: Section, notes: list[Note]) -> list[Note]:
    """End on the root or the third of the last chord, whichever is nearer."""
    if not notes:
        return notes
    stable = section.at(notes[-1].beat).chord.notes[:2]
    goal = nearest(ladder(stable, piece.tonic, line.low, line.high), notes[-1].pitch)
    return [*notes[:-1], replace(notes[-1], pitch=goal)]


def _approached(notes: list[Note], chance: float, dice: random.Random) -> list[Note]:
    """Some short notes before a beat become chromatic neighbours of what they lead to."""
    result = list(notes)
    for k, (note, after) in enumerate(pairwise(notes)):
        leads = note.beats < 1 and after.beat % 1 == 0
        if leads and abs(note.pitch - after.pitch) <= _NEAR and dice.random() < chance:
            result[k] = replace(note, pitch=after.pitch + dice.choice(_NEIGHBOURS))
    return result


def _ornamented(
    piece: Piece, line: Line, section: Section, notes: list[Note], dice: random.Random
) -> Iterator[Note]:
    """When it comes again, some long notes end in a turn towards the scale note above."""
    for note in notes:
        again = section.letter == "C" or section.passage.take > 0
        turn = dice.random() < piece.style.tune.ornament and again
        if turn and _GRACE_LENGTH <= note.beats <= 2 * _GRACE_LENGTH:
            above = _moved(piece, line, section.at(note.beat), note.pitch, 1, strong=False)
            yield replace(note, beats=note.beats / 2)
            yield replace(note, beat=note.beat + note.beats / 2, beats=note.beats / 2, pitch=above)
        else:
            yield note


def guide(piece: Piece, line: Line) -> Iterator[Note]:
    """A counter-melody in long notes: the third or seventh of each chord, moving little."""
    here = (line.low + line.high) / 2
    for span in piece.spans(line.plays):
        tones = span.chord.notes[1:2] + span.chord.notes[3:4] or span.chord.notes
        here = nearest(ladder(tones, piece.tonic, line.low, line.high), here)
        yield Note(span.start, span.beats * line.gate, int(here), 0.55 + 0.25 * span.energy)
