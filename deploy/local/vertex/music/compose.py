"""From a brief to parts: what each player plays, and how they end together."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from deploy.local.vertex.music.bass import bass, walk
from deploy.local.vertex.music.cast import Player, cast
from deploy.local.vertex.music.chords import pattern, scatter, sustain
from deploy.local.vertex.music.drums import drums
from deploy.local.vertex.music.grooves import CRASH, KICK
from deploy.local.vertex.music.melody import guide, melody
from deploy.local.vertex.music.piece import Note, Piece
from deploy.local.vertex.music.plan import plan
from deploy.local.vertex.music.prompts import Brief
from deploy.local.vertex.music.style import Line
from deploy.local.vertex.music.styles import STYLES
from deploy.local.vertex.music.texture import textured
from deploy.local.vertex.music.theory import Chord, ladder, nearest

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
    """What one player plays: the notes as written."""

    player: Player
    notes: tuple[Note, ...]

    @property
    def line(self) -> Line:
        """The player's line."""
        return self.player.line

    @property
    def family(self) -> str:
        """The instrument it is heard as."""
        return self.player.families[0]


def compose(brief: Brief, seed: int) -> tuple[Piece, list[Part]]:
    """Write the piece; the same arguments give the same notes on any machine.

    A prompt that wants nobody to play gets everybody.
    """
    style = STYLES[brief.style]
    players = cast(style, brief) or cast(style, replace(brief, avoid=frozenset()))
    piece = plan(style, brief, seed)
    parts = (_part(piece, player) for player in players)
    return piece, [part for part in parts if part.notes]


def _part(piece: Piece, player: Player) -> Part:
    line = player.line
    notes = tuple(textured(piece, line, FIGURES[line.figure](piece, line)))
    return Part(player, (*notes, *_last(piece, line, notes)))


def _last(piece: Piece, line: Line, before: tuple[Note, ...]) -> Iterator[Note]:
    """What a player does at the final chord."""
    final = piece.final
    if final is None or "F" not in line.plays:
        return
    closing = _closing(piece, line, final.chord, before)
    for place, (pitch, velocity) in enumerate(closing):
        rolled = place * _ROLL_BEATS if line.figure == "pattern" else 0.0
        yield Note(final.start + rolled, final.beats, pitch, velocity)


def _closing(
    piece: Piece, line: Line, chord: Chord, before: tuple[Note, ...]
) -> Iterator[tuple[int, float]]:
    """Pitches and velocities: all of the chord, its root, or the nearest tonic."""
    if line.figure == "drums":
        yield from ((KICK, 0.8), (CRASH, 0.7))
    elif line.figure in {"pattern", "sustain"}:
        middle = ((line.low + line.high) // 2,)
        yield from ((p, 0.62) for p in piece.voicing(chord, line, middle))
    else:
        here = before[-1].pitch if before else line.low
        wanted = chord.notes[:1] if line.figure != "guide" else chord.notes
        yield nearest(ladder(wanted, piece.tonic, line.low, line.high), here), 0.72
