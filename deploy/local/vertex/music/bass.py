"""Players of the bass: patterned roots and fifths, walking quarters."""

import random
from collections.abc import Iterator
from typing import Final

from deploy.local.vertex.music.chords import Figures, steps
from deploy.local.vertex.music.piece import Note, Piece, Span
from deploy.local.vertex.music.style import Line
from deploy.local.vertex.music.theory import Chord, ladder, nearest

_FIFTH: Final = 7
_APPROACHES: Final = (-1, -1, 1)
_SKIPS: Final = 0.07
_WANDER: Final = 4.5


def bass(piece: Piece, line: Line) -> Iterator[Note]:
    """Root, fifth, octave and steps towards the next root, as the line's patterns say."""
    figures = Figures(piece, line)
    before = (line.low + line.high) // 2
    for span in piece.spans(line.plays):
        root = _root(piece, line, span.chord, before)
        target = _root(piece, line, span.following, root)
        for stroke, (beat, beats, sign) in enumerate(steps(span, figures.of(span))):
            pitch = _tone(piece, span, sign, root, target) if stroke else root
            force = (0.8 if beat % 1 else 0.9) * (0.75 + 0.25 * span.energy)
            yield Note(beat, beats * line.gate, pitch, force)
        before = root


def _root(piece: Piece, line: Line, of: Chord, before: int) -> int:
    """The chord's bass note in the lower octave of the line, not far from the last one."""
    return nearest(ladder({of.bass}, piece.tonic, line.low, line.low + 14), before)


def _tone(piece: Piece, span: Span, sign: str, root: int, target: int) -> int:
    above = {"5": _FIFTH, "8": 12, "3": _third(span.chord)}
    if sign in above:
        fifth_in_chord = span.chord.bass == span.chord.root
        return root + (above[sign] if fifth_in_chord or sign == "8" else 12)
    if sign == "a" and root != target:
        scale = piece.scale_over(span.chord)
        towards = [p for p in range(target - 2, target + 3) if p != target]
        in_scale = [p for p in towards if (p - piece.tonic) % 12 in scale]
        return nearest(in_scale or towards, root)
    return root


def _third(of: Chord) -> int:
    return next((tone for tone in of.tones if tone in {3, 4}), _FIFTH)


def walk(piece: Piece, line: Line) -> Iterator[Note]:
    """A walking bass: the root, steps through chord and scale, a semitone into the next root."""
    dice = piece.dice(line.name)
    before = line.low + _FIFTH
    for span in piece.spans(line.plays):
        root = _root(piece, line, span.chord, before)
        approach = _root(piece, line, span.following, root) + dice.choice(_APPROACHES)
        path = _path(piece, line, span, (root, approach), dice)
        for beat, pitch in enumerate(path):
            yield Note(span.start + beat, line.gate, pitch, 0.78 if beat % 2 else 0.86)
            if dice.random() < _SKIPS:
                yield Note(span.start + beat + 0.5, 0.3, pitch, 0.5)
        before = path[-1]


def _path(
    piece: Piece, line: Line, span: Span, ends: tuple[int, int], dice: random.Random
) -> list[int]:
    """A pitch for each beat: chord tones on strong beats, scale steps between."""
    classes = (frozenset(span.chord.notes), piece.scale_over(span.chord))
    rungs = [ladder(c, piece.tonic, line.low, line.high) for c in classes]
    root, approach = ends
    path = [root]
    for left in range(round(span.beats) - 1, 1, -1):
        here = path[-1]
        want = here + (approach - here) / left + dice.uniform(-_WANDER, _WANDER)
        fresh = [pitch for pitch in rungs[len(path) % 2] if pitch not in path[-2:]]
        path.append(nearest([p for p in fresh if abs(p - here) <= _FIFTH] or fresh, want))
    return [*path, approach] if span.beats > 1 else path
