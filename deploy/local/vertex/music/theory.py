"""Tonal harmony as arithmetic: scales, chords in Roman numerals, voice leading."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
}
"""Semitones above the tonic."""
PENTATONIC = {"major": (0, 2, 4, 7, 9), "minor": (0, 3, 5, 7, 10)}
"""The five notes that are safe over any chord of the key."""

_MINOR_THIRD, _MAJOR_THIRD, _FIFTH = 3, 4, 7
_DEGREES = {"i": 0, "ii": 2, "iii": 4, "iv": 5, "v": 7, "vi": 9, "vii": 11}
_ACCIDENTALS = {"": 0, "b": -1, "#": 1}
_ABOVE_THE_THIRD = {
    "": (7,),
    "6": (7, 9),
    "7": (7, 10),
    "9": (7, 10, 14),
    "maj7": (7, 11),
    "maj9": (7, 11, 14),
    "add9": (7, 14),
    "ø": (6, 10),
    "°": (6, 9),
}
_WITHOUT_THIRD = {"5": (0, 7), "sus2": (0, 2, 7), "sus4": (0, 5, 7)}
_NUMERAL = re.compile(r"(?P<sharp>[b#]?)(?P<degree>[iv]+|[IV]+)(?P<kind>[^/]*)(/(?P<bass>[35]))?")


@dataclass(frozen=True)
class Chord:
    """A chord relative to its key.

    `root` and `bass` are semitones above the tonic, `tones` semitones above the root.
    """

    root: int
    tones: tuple[int, ...]
    bass: int

    @property
    def notes(self) -> tuple[int, ...]:
        """Pitch classes above the tonic, root first, each once."""
        return tuple(dict.fromkeys((self.root + tone) % 12 for tone in self.tones))


def chord(numeral: str) -> Chord:
    """Read a Roman numeral: `I`, `vi7`, `bVII`, `iiø`, `V/3` (third in the bass), `I5`.

    Counted from the major scale in either mode, so minor has `bIII`, `bVI` and `bVII`.
    Raises ValueError for anything else.
    """
    match = _NUMERAL.fullmatch(numeral)
    kind = match["kind"] if match else "?"
    if not match or kind not in _ABOVE_THE_THIRD.keys() | _WITHOUT_THIRD.keys():
        raise ValueError(f"no chord: {numeral}")
    degree = match["degree"]
    third = _MAJOR_THIRD if degree.isupper() else _MINOR_THIRD
    root = (_DEGREES[degree.lower()] + _ACCIDENTALS[match["sharp"]]) % 12
    tones = _WITHOUT_THIRD.get(kind) or (0, third, *_ABOVE_THE_THIRD[kind])
    above = {None: 0, "3": third, "5": _FIFTH}[match["bass"]]
    return Chord(root, tones, (root + above) % 12)


def bent_scale(scale: Collection[int], over: Chord) -> frozenset[int]:
    """The notes that sound right over a chord.

    A note of the chord that is strange to the scale takes the place of a neighbour: a major
    third is a raised note and replaces the one below, any other is lowered and replaces the
    one above.
    """
    own = set(over.notes)
    leading = (over.root + _MAJOR_THIRD) % 12 if _MAJOR_THIRD in over.tones else None
    strange = own - set(scale)
    replaced = {(note - 1 if note == leading else note + 1) % 12 for note in strange}
    return frozenset((set(scale) - replaced) | own)


def ladder(classes: Collection[int], tonic: int, low: int, high: int) -> list[int]:
    """All MIDI pitches from `low` to `high` whose class above `tonic` is among `classes`."""
    return [pitch for pitch in range(low, high + 1) if (pitch - tonic) % 12 in classes]


def nearest(pitches: Iterable[int], to: float) -> int:
    """The pitch closest to `to`, the lower of two."""
    return min(pitches, key=lambda pitch: (abs(pitch - to), pitch))


def voicings(notes: Sequence[int], tonic: int, low: int, high: int) -> list[tuple[int, ...]]:
    """Every close position of a chord between two pitches, from each of its notes upward."""
    found = []
    for bottom in ladder(notes, tonic, low, high):
        rest = {(note + tonic - bottom) % 12 for note in notes} - {0}
        stack = (bottom, *(bottom + step for step in sorted(rest)))
        if stack[-1] <= high:
            found.append(stack)
    return found


def led(previous: tuple[int, ...], candidates: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The voicing that the voices reach with the least movement."""

    def movement(voicing: tuple[int, ...]) -> tuple[float, int]:
        moves = sum(min(abs(pitch - old) for old in previous) for pitch in voicing)
        drift = abs(sum(voicing) / len(voicing) - sum(previous) / len(previous))
        return moves + 2 * drift, voicing[0]

    return min(candidates, key=movement)
