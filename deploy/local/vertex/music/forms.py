"""Forms: which sections follow one another, in a whole piece and in one clip of a longer one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import Final


@dataclass(frozen=True)
class Passage:
    """A section as its form wants it.

    `letter` says who plays (I intro, A, B, C, F final chord); `theme` which motifs, A or B, small
    letters upside down; `take` counts the ways to play them and chooses the progression;
    `energy` is force, 0 to 1, `lift` where in its range a melody lies, 0 to 1, `density` how
    much more (up to 1) or less (down to -1) goes on than usual; `octaves` doubles the tune;
    `closing` ends on the cadence.
    """

    letter: str
    slots: int
    theme: str = "A"
    take: int = 0
    energy: float = 0.7
    lift: float = 0.4
    density: float = 0.0
    octaves: bool = False
    closing: bool = False


FINAL: Final = Passage("F", 0, energy=0.85)

_USUAL: Final = {
    "I": Passage("I", 4, energy=0.5),
    "A": Passage("A", 4, energy=0.68),
    "B": Passage("B", 4, theme="B", energy=0.82, lift=0.62),
    "C": Passage("C", 4, energy=1.0, lift=0.52, closing=True),
}
_PLANS: Final = {
    8: "A4 C4",
    9: "I1 A4 C4",
    10: "I2 A4 C4",
    11: "I1 A4 B2 C4",
    12: "I2 A4 B2 C4",
    13: "I1 A4 B4 C4",
    14: "I2 A4 B4 C4",
    15: "I3 A4 B4 C4",
    16: "I4 A4 B4 C4",
    17: "I1 A4 A4 B4 C4",
    18: "I2 A4 A4 B4 C4",
}
"""Sections with their slots, by the number of slots before the final chord."""
_DEVELOPMENT: Final = (
    Passage("B", 4, theme="a", take=1, energy=0.72, lift=0.3),
    Passage("A", 4, theme="b", take=1, energy=0.8, lift=0.68),
    Passage("I", 4, take=1, energy=0.55),
    Passage("B", 4, theme="B", take=2, energy=0.8, lift=0.45),
    Passage("A", 4, theme="a", take=3, energy=0.84, lift=0.6, density=0.2),
)
"""Themes upside down, by other players, in other registers; in the middle it breathes."""
_CLIMAX: Final = (
    Passage("C", 4, energy=1.0, lift=0.72, density=0.6, octaves=True, closing=True),
    Passage("C", 4, theme="B", take=1, energy=0.95, lift=0.8, density=0.5),
    Passage("C", 4, take=2, energy=1.0, lift=0.8, density=0.7, octaves=True, closing=True),
)
_ENDING: Final = (
    Passage("A", 4, take=1, energy=0.74, lift=0.45),
    Passage("A", 4, energy=0.58, lift=0.35, density=-0.35, closing=True),
)
_TOWARDS_THE_END: Final = tuple(passage for passage in _DEVELOPMENT if passage.letter != "I")
_LONG_INTRO: Final = 14


def whole(slots: int) -> list[Passage]:
    """A piece of 8 to 18 slots before its final chord; a section that returns is a new take."""
    passages: list[Passage] = []
    for name in _PLANS[slots].split():
        again = sum(before.letter == name[0] for before in passages)
        usual = _USUAL[name[0]]
        energy = usual.energy + 0.06 * again
        passages.append(replace(usual, slots=int(name[1:]), take=again, energy=energy))
    return passages


def unending(place: str, slots: int) -> list[Passage]:
    """An opening, a development or a climax of at least so many slots."""
    if place == "opening":
        return _opening(slots)
    return _filled(_DEVELOPMENT if place == "development" else _CLIMAX, slots)


def ending(slots: int) -> list[Passage]:
    """The last clip of a longer piece: 8 to 18 slots that lead down to the final chord."""
    before = slots - sum(passage.slots for passage in _ENDING)
    lead = [
        replace(_TOWARDS_THE_END[k], slots=min(4, before - 4 * k), energy=0.8)
        for k in range(-(-before // 4))
    ]
    return [*reversed(lead), *_ENDING]


def _opening(slots: int) -> list[Passage]:
    """From an intro on, each section stronger and fuller than the one before."""
    intro = replace(_USUAL["I"], slots=4 if slots >= _LONG_INTRO else 2)
    themes = (_USUAL["A"], _USUAL["B"], replace(_USUAL["A"], take=1), replace(_USUAL["B"], take=1))
    passages = [intro, *_filled(themes, slots - intro.slots)]
    steps = len(passages) - 1
    return [
        replace(passage, energy=0.45 + 0.35 * k / steps, density=-0.4 + 0.4 * k / steps)
        for k, passage in enumerate(passages)
    ]


def _filled(passages: Sequence[Passage], slots: int) -> list[Passage]:
    """As many passages as it takes, from the first again after the last."""
    return list(islice(cycle(passages), -(-slots // 4)))
