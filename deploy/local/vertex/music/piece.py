"""A piece as it is planned: notes, chords in time, sections, and the dice of its players."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from deploy.local.vertex.music.forms import Passage
from deploy.local.vertex.music.prompts import Brief
from deploy.local.vertex.music.style import Harmony, Line, Style
from deploy.local.vertex.music.theory import SCALES, Chord, bent_scale, led, voicings

BAR: Final = 4.0
_A_MOMENT: Final = 1e-6


def dice(seed: str) -> random.Random:
    """Dice that fall the same for the same text, in any process (seeded by its SHA-512)."""
    return random.Random(seed)  # noqa: S311  # music, not secrets


@dataclass(frozen=True)
class Note:
    """A note as written: start and length in beats, MIDI pitch, velocity 0 to 1."""

    beat: float
    beats: float
    pitch: int
    velocity: float


@dataclass(frozen=True)
class Span:
    """The time of one chord, in beats; `opened` is where its section starts."""

    start: float
    beats: float
    chord: Chord
    following: Chord
    opened: float
    passage: Passage

    @property
    def end(self) -> float:
        """Where the next chord starts."""
        return self.start + self.beats

    @property
    def energy(self) -> float:
        """How much is going on, 0 to 1."""
        return self.passage.energy


@dataclass(frozen=True)
class Section:
    """The consecutive spans of a passage."""

    passage: Passage
    start: float
    slot: float
    spans: tuple[Span, ...]

    @property
    def letter(self) -> str:
        """Who plays."""
        return self.passage.letter

    @property
    def end(self) -> float:
        """Where the next section starts."""
        return self.spans[-1].end

    def at(self, beat: float) -> Span:
        """The span that sounds at a beat."""
        return next(s for s in reversed(self.spans) if s.start <= beat + _A_MOMENT)


@dataclass(frozen=True)
class Piece:
    """A planned piece; `tonic` is semitones above C, `final` the last chord if it comes to one.

    `seed` feeds the dice of its players, `themes` those of what its clips have in common.
    """

    style: Style
    brief: Brief
    seed: str
    themes: str
    bpm: float
    tonic: int
    major: bool
    sections: tuple[Section, ...]
    final: Span | None

    @property
    def harmony(self) -> Harmony:
        """The chord tables of its mode."""
        return self.style.major if self.major else self.style.minor

    @cached_property
    def scale(self) -> tuple[int, ...]:
        """Semitones of its scale above the tonic."""
        return SCALES[self.harmony.scale]

    def dice(self, who: str) -> random.Random:
        """A player's own dice: what one plays does not change with what another does."""
        return dice(f"{self.seed}/{who}")

    def theme(self, what: str) -> random.Random:
        """Dice for motifs and figures: the same in all clips of a longer piece."""
        return dice(f"{self.themes}/{what}")

    def at(self, beat: float) -> Section | None:
        """The section that a beat belongs to; None from the final chord on."""
        return next((s for s in self.sections if s.start <= beat + _A_MOMENT < s.end), None)

    def spans(self, plays: str) -> Iterator[Span]:
        """The spans of the sections that a line joins."""
        return (span for s in self.sections if s.letter in plays for span in s.spans)

    def scale_over(self, over: Chord) -> frozenset[int]:
        """What a melody may use while a chord sounds."""
        return bent_scale(self.scale, over)

    def voiced(self, line: Line) -> Iterator[tuple[Span, tuple[int, ...]]]:
        """A line's spans, each with the pitches of its chord, led with little movement."""
        before: tuple[int, ...] = ((line.low + line.high) // 2,)
        for span in self.spans(line.plays):
            before = self.voicing(span.chord, line, before)
            yield span, before

    def voicing(self, of: Chord, line: Line, before: tuple[int, ...]) -> tuple[int, ...]:
        """One chord in the shape and the range of a line."""
        if line.shape == "power":
            root = line.low + (of.root + self.tonic - line.low) % 12
            return (root, root + 7, root + 12)
        notes = of.notes
        if line.shape == "rootless":
            ninth = (of.root + 14) % 12
            notes = tuple(dict.fromkeys((*notes[1:], ninth if ninth in self.scale else of.root)))
        voicing = led(before, voicings(notes, self.tonic, line.low, line.high))
        return (*voicing, voicing[0] + 12) if line.shape == "open" else voicing
