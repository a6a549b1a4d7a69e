"""Guests: how an instrument plays that the prompt names and the style has no part for."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from deploy.local.vertex.music.instruments import REGISTERS
from deploy.local.vertex.music.style import Line

_BROKEN: Final = ("0-2-1-2-3-2-1-2-", "0212021302120213", "x---0-2-x---1-2-")
_PLUCKED: Final = ("0.2.1.3.2.1.3.2.", "0.1.2.3.4.3.2.1.", "0-2-1-3-2-1-2-3-")
_STABS: Final = ("x--.....x-x-....", "X-----x-..x-....", "..x-..x-x---....")

_GUESTS: Final[Mapping[str, Line]] = {
    "piano": Line("", "pattern", (0,), 55, 79, -6, "IABCF", pan=0.25, patterns=_BROKEN),
    "harpsichord": Line("", "pattern", (6,), 55, 79, -7, "IABCF", pan=0.25, patterns=_BROKEN),
    "bells": Line("", "scatter", (14,), 72, 93, -4, "IABC", pan=0.35),
    "organ": Line("", "sustain", (16,), 52, 74, -9, "IABCF", pan=-0.2),
    "accordion": Line("", "sustain", (21,), 55, 77, -9, "IABCF", pan=-0.25),
    "guitar": Line(
        "", "pattern", (24,), 48, 69, -5, "IABCF", pan=-0.35, gate=1.6, patterns=_PLUCKED
    ),
    "bass": Line(
        "",
        "bass",
        (33,),
        28,
        50,
        -1,
        "ABCF",
        bus="dry",
        patterns=("R-----R-5---R-a-", "R---R---5---a---", "R-------R-----a-"),
    ),
    "strings": Line("", "sustain", (48,), 55, 79, -8, "IABCF", spread=0.5),
    "harp": Line("", "pattern", (46,), 55, 84, -5, "IABCF", pan=-0.3, gate=2.0, patterns=_PLUCKED),
    "choir": Line("", "sustain", (52,), 55, 77, -8, "IABCF", spread=0.5),
    "brass": Line("", "pattern", (61,), 50, 72, -7, "ABCF", pan=-0.15, patterns=_STABS),
    "saxophone": Line("", "guide", (65,), 55, 77, -5, "IABCF", pan=-0.25),
    "reeds": Line("", "guide", (71,), 58, 79, -5, "IABCF", pan=-0.25),
    "flute": Line("", "guide", (73,), 67, 88, -5, "IABCF", pan=0.25),
    "synth": Line(
        "",
        "pattern",
        (81,),
        60,
        82,
        -8,
        "IABCF",
        pan=0.3,
        bus="echo",
        gate=0.7,
        patterns=("0.12.01.2.10.231", "0213021302130213"),
    ),
    "plucked": Line("", "pattern", (105,), 52, 76, -6, "IABCF", pan=0.35, patterns=_PLUCKED),
}
_SOLOISTS: Final = frozenset({22, 40, 41, 42, 56, 57, 58, 60})
"""Members that sing by themselves, in families whose usual member plays chords."""
_PAD: Final = 89


def guest(family: str, program: int) -> Line:
    """The part of one that the style does not know; its name is that of its family."""
    line = _GUESTS["strings" if program == _PAD else family]
    if program in _SOLOISTS:
        line = replace(_GUESTS["reeds"], pan=line.pan)
    low, high = REGISTERS.get(program, (line.low, line.high))
    return replace(line, name=f"{family}/{program}", programs=(program,), low=low, high=high)
