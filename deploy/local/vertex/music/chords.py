"""Players of harmony: held chords, patterned chords and arpeggios, scattered notes."""

from collections.abc import Iterator, Sequence
from typing import Final

from deploy.local.vertex.music.piece import BAR, Note, Piece, Span
from deploy.local.vertex.music.style import Line

_LOUDNESS: Final = {"X": 1.0, "x": 0.82, "o": 0.6}
_TURNS: Final = 0.5


def sustain(piece: Piece, line: Line) -> Iterator[Note]:
    """Chords as long as they last; a note that the next chord shares is not struck again."""
    sounding: dict[int, tuple[float, float]] = {}
    end = 0.0
    for span, voicing in piece.voiced(line):
        if span.start > end:
            yield from _released(sounding, list(sounding), end)
        yield from _released(sounding, sounding.keys() - set(voicing), span.start)
        for pitch in voicing:
            sounding.setdefault(pitch, (span.start, 0.55 + 0.3 * span.energy))
        end = span.end
    yield from _released(sounding, list(sounding), end)


def _released(
    sounding: dict[int, tuple[float, float]], pitches: Sequence[int] | set[int], end: float
) -> Iterator[Note]:
    for pitch in sorted(pitches):
        start, velocity = sounding.pop(pitch)
        yield Note(start, end - start, pitch, velocity)


def steps(span: Span, pattern: str) -> Iterator[tuple[float, float, str]]:
    """Beat, length in beats and sign of each stroke of a bar's pattern within a span.

    The pattern runs through from the section's first bar; a hold at a chord change is a stroke.
    """
    step = BAR / len(pattern)
    first = round((span.start - span.opened) / step)
    signs = [pattern[(first + k) % len(pattern)] for k in range(round(span.beats / step))]
    if signs[0] == "-":
        signs[0] = "x"
    for k, sign in enumerate(signs):
        if sign not in ".-":
            held = next((n for n, s in enumerate(signs[k + 1 :]) if s != "-"), len(signs) - k - 1)
            yield span.start + k * step, (held + 1) * step, sign


class Figures:
    """Which of a line's patterns is played when.

    A section has its own, the same in each clip of a piece; B and every new take bring another.
    Now and then a section's last chord turns to a different one.
    """

    def __init__(self, piece: Piece, line: Line) -> None:
        """For one line of one piece."""
        self._order = piece.theme(line.name).sample(line.patterns, len(line.patterns))
        self._dice = piece.dice(line.name)
        self._vary = line.vary
        self._lasts = {section.spans[-1].start for section in piece.sections}
        self._before = self._order[0]

    def of(self, span: Span) -> str:
        """The pattern over a chord; to be asked in the order of the piece."""
        passage = span.passage
        usual = self._order[((passage.letter == "B") + passage.take) % len(self._order)]
        others = [p for p in self._order if p != self._before] or self._order
        turning = span.start in self._lasts and self._dice.random() < _TURNS
        self._before = self._dice.choice(others) if self._vary or turning else usual
        return self._before


def pattern(piece: Piece, line: Line) -> Iterator[Note]:
    """Strums, stabs, broken chords, arpeggios: whatever the line's patterns say."""
    figures = Figures(piece, line)
    for span, voicing in piece.voiced(line):
        for beat, beats, sign in steps(span, figures.of(span)):
            accent = 0.08 if beat % 1 == 0 else 0.0
            force = (0.7 + 0.25 * span.energy) * _LOUDNESS.get(sign, 0.75) + accent
            yield from _stroke(line, beat, beats, _chosen(voicing, sign), force)


def _chosen(voicing: tuple[int, ...], sign: str) -> tuple[int, ...]:
    """The chord, or the note that a digit names; beyond the top it goes on an octave higher."""
    if not sign.isdigit():
        return voicing
    octave, index = divmod(int(sign), len(voicing))
    return (voicing[index] + 12 * octave,)


def _stroke(
    line: Line, beat: float, beats: float, pitches: tuple[int, ...], force: float
) -> Iterator[Note]:
    """Chord notes one after another; on the way up the strings every other time."""
    down = round(beat * 2) % 2 == 0
    for place, pitch in enumerate(pitches if down else reversed(pitches)):
        late = place * line.roll
        yield Note(beat + late, max(0.1, beats * line.gate - late), pitch, force - 0.04 * place)


def scatter(piece: Piece, line: Line) -> Iterator[Note]:
    """Single notes of the chord here and there, never the same twice running."""
    dice = piece.dice(line.name)
    before = 0
    for span, voicing in piece.voiced(line):
        for eighth in range(round(span.beats * 2)):
            if dice.random() < 0.16 + 0.12 * span.energy:
                pitch = dice.choice([p for p in (*voicing, voicing[0] + 12) if p != before])
                yield Note(span.start + eighth / 2, 3.0, pitch, dice.uniform(0.4, 0.75))
                before = pitch
