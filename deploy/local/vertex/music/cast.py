"""Who plays: General MIDI programs chosen by the words of the prompt."""

from dataclasses import replace
from typing import Final

from deploy.local.vertex.music.piece import dice
from deploy.local.vertex.music.prompts import Brief
from deploy.local.vertex.music.style import Line

_FAMILIES: Final = {  # first program of each family, counted from 0
    0: "piano",
    8: "bells",
    16: "organ",
    24: "guitar",
    32: "bass",
    40: "strings",
    47: "drums",
    48: "strings",
    52: "choir",
    56: "brass",
    64: "wind",
    80: "synth",
    104: "world",
}
_REGISTERS: Final = {  # pitches between which an instrument sounds like itself
    24: (52, 76),
    41: (55, 76),
    42: (45, 67),
    46: (60, 84),
    48: (60, 84),
    52: (55, 77),
    56: (58, 79),
    57: (46, 67),
    59: (58, 79),
    60: (48, 69),
    65: (55, 77),
    66: (51, 73),
    70: (43, 65),
    71: (60, 82),
}
_DRUMS_DB: Final = 2.5


def seated(line: Line, brief: Brief, identity: str) -> tuple[Line, int] | None:
    """The line as its player plays it, and the player's program; None if nobody is wanted."""
    if line.figure == "melody" and "lead" in brief.avoid:
        return None
    wanted = [p for p in line.programs if _family(line, p) not in brief.avoid]
    if not wanted:
        return None
    program = dice(f"{identity}/{line.name}").choice(wanted)
    if line.name == "lead":
        program = _asked(line, brief, program)
        low, high = _REGISTERS.get(program, (line.low, line.high))
        line = replace(line, low=low, high=high)
    if line.figure == "drums":
        line = replace(line, level=line.level + _DRUMS_DB * brief.energy)
    return line, program


def _asked(line: Line, brief: Brief, otherwise: int) -> int:
    """The instrument that the prompt names; a guitar is the style's own kind of guitar."""
    if brief.lead is None or _family(line, brief.lead) in brief.avoid:
        return otherwise
    same = _family(line, brief.lead) == _family(line, otherwise) == "guitar"
    return otherwise if same else brief.lead


def _family(line: Line, program: int) -> str:
    if line.figure == "drums":
        return "drums"
    return next(name for first, name in reversed(_FAMILIES.items()) if first <= program)
