"""From a brief to parts: what each player plays, and how they end together."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from deploy.local.vertex.music.bass import bass, walk
from deploy.local.vertex.music.cast import seated
from deploy.local.vertex.music.chords import pattern, scatter, sustain
from deploy.local.vertex.music.drums import drums
from deploy.local.vertex.music.grooves import CRASH, KICK
from deploy.local.vertex.music.melody import guide, melody
from deploy.local.vertex.music.piece import Note, Piece
from deploy.local.vertex.music.plan import plan
from deploy.local.vertex.music.prompts import Brief
from deploy.local.vertex.music.style import Line
from deploy.local.vertex.music.styles import STYLES
from deploy.local.vertex.music.theory import ladder, nearest

FIGURES: Final[Mapping[str, Callable[[Piece, Line], Iterator[Note]]]] = {
    "bass": bass,
    "drums": drums,
    "guide": guide,
    "melody": melody,
    "pattern": pattern,
    "scatter": scatter,
    "sustain": sustain,
    "walk": walk,
}
_ROLL_BEATS = 0.12


@dataclass(frozen=True)
class Part:
    """One player's line, its General MIDI program and its notes as written."""

    line: Line
    program: int
    notes: tuple[Note, ...]


def compose(brief: Brief, identity: str, seed: str) -> tuple[Piece, list[Part]]:
    """Write the piece; the same arguments give the same notes on any machine.

    `identity` stands for the words of the prompt, `seed` for words and seed. A prompt that wants
    nobody to play gets everybody.
    """
    piece = plan(STYLES[brief.style], brief, identity, seed)
    return piece, _parts(piece, identity) or _parts(_with_everybody(piece), identity)


def _with_everybody(piece: Piece) -> Piece:
    return replace(piece, brief=replace(piece.brief, avoid=frozenset()))


def _parts(piece: Piece, identity: str) -> list[Part]:
    players = (seated(line, piece.brief, identity) for line in piece.style.lines)
    parts = [_part(piece, *player) for player in players if player]
    return [part for part in parts if part.notes]


def _part(piece: Piece, line: Line, program: int) -> Part:
    notes = tuple(FIGURES[line.figure](piece, line))
    return Part(line, program, (*notes, *_last(piece, line, notes)))


def _last(piece: Piece, line: Line, before: tuple[Note, ...]) -> Iterator[Note]:
    """What a player does at the final chord."""
    if "F" not in line.plays:
        return
    for place, (pitch, velocity) in enumerate(_closing(piece, line, before)):
        rolled = place * _ROLL_BEATS if line.figure == "pattern" else 0.0
        yield Note(piece.final.start + rolled, piece.final.beats, pitch, velocity)


def _closing(piece: Piece, line: Line, before: tuple[Note, ...]) -> Iterator[tuple[int, float]]:
    """Pitches and velocities: all of the chord, its root, or the nearest tonic."""
    if line.figure == "drums":
        yield from ((KICK, 0.8), (CRASH, 0.7))
    elif line.figure in {"pattern", "sustain"}:
        middle = ((line.low + line.high) // 2,)
        yield from ((p, 0.62) for p in piece.voicing(piece.final.chord, line, middle))
    else:
        here = before[-1].pitch if before else line.low
        wanted = piece.final.chord.notes[:1] if line.figure != "guide" else piece.final.chord.notes
        yield nearest(ladder(wanted, piece.tonic, line.low, line.high), here), 0.72
