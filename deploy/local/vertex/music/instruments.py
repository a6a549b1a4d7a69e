"""Instruments: General MIDI programs by family, the words that name them, and their registers."""

from collections.abc import Iterator, Mapping
from typing import Final

INSTRUMENTS: Final[Mapping[str, Mapping[int, str]]] = {
    "piano": {0: "piano, grand piano, keyboard", 4: "electric piano, rhodes, wurlitzer"},
    "harpsichord": {6: "harpsichord, cembalo", 7: "clavinet"},
    "bells": {
        14: "bell, tubular bell, church bell, chime",
        8: "celesta",
        9: "glockenspiel",
        10: "music box",
        11: "vibraphone, vibe",
        12: "marimba",
        13: "xylophone",
        15: "dulcimer",
        108: "kalimba",
        114: "steel drum, steelpan",
    },
    "organ": {16: "organ, hammond organ, electric organ", 19: "church organ, pipe organ"},
    "accordion": {21: "accordion, bandoneon", 22: "harmonica"},
    "guitar": {
        24: "guitar, nylon guitar, classical guitar, spanish guitar, ukulele",
        25: "acoustic guitar, steel guitar, mandolin",
        27: "electric guitar, clean guitar",
        29: "overdriven guitar",
        30: "distorted guitar, distortion guitar",
    },
    "bass": {
        33: "bass, bassline, bass guitar, electric bass",
        32: "double bass, upright bass, acoustic bass, contrabass",
        38: "synth bass",
    },
    "strings": {
        48: "string, orchestra, string orchestra, string quartet, string ensemble",
        40: "violin, fiddle",
        41: "viola",
        42: "cello, violoncello",
    },
    "harp": {46: "harp"},
    "drums": {
        0: "drum, drummer, drumming, drum kit, drum machine, bass drum, percussion, percussive,"
        " snare, snare drum, cymbal, hi hat, hihat, timpani, beats"
    },
    "choir": {52: "choir, choral, chant", 53: "voice, vocal"},
    "brass": {
        61: "brass, brass section, horn section, fanfare",
        56: "trumpet",
        57: "trombone",
        58: "tuba",
        60: "horn, french horn",
    },
    "saxophone": {65: "saxophone, sax, alto sax", 64: "soprano sax", 66: "tenor sax"},
    "reeds": {68: "oboe, english horn", 70: "bassoon", 71: "clarinet", 109: "bagpipe"},
    "flute": {
        73: "flute, piccolo",
        74: "recorder",
        75: "pan flute",
        77: "shakuhachi",
        78: "whistle",
        79: "ocarina",
    },
    "synth": {81: "synth, synthesizer, synthesiser", 89: "pad, synth pad"},
    "plucked": {104: "sitar", 105: "banjo", 106: "shamisen", 107: "koto"},
}
"""By family, its usual member first: program, counted from 0 (drums: a kit), and its names."""

GROUPS: Final[Mapping[str, str]] = {
    "woodwind": "flute saxophone reeds",
    "wind": "flute saxophone reeds",
    "singing": "choir",
    "singer": "choir",
    "key": "piano",
    "beat": "drums",
    "electronic": "synth",
    "melody": "lead",
    "lead": "lead",
    "solo": "lead",
}
"""Words that only a refusal means so: what `no wind`, `no singing`, `no solo` take away."""

REGISTERS: Final[Mapping[int, tuple[int, int]]] = {
    8: (72, 93),
    9: (72, 93),
    10: (72, 93),
    14: (60, 79),
    24: (52, 76),
    25: (52, 76),
    41: (55, 76),
    42: (45, 67),
    46: (60, 84),
    48: (60, 84),
    52: (55, 77),
    53: (55, 77),
    56: (58, 79),
    57: (46, 67),
    58: (36, 58),
    59: (58, 79),
    60: (48, 69),
    61: (53, 74),
    64: (60, 82),
    65: (55, 77),
    66: (51, 73),
    70: (43, 65),
    71: (60, 82),
}
"""MIDI pitches between which an instrument sounds like itself, where a tune may not fit."""

_FIRSTS: Final[Mapping[int, str]] = {
    0: "piano",
    6: "harpsichord",
    8: "bells",
    16: "organ",
    21: "accordion",
    24: "guitar",
    32: "bass",
    40: "strings",
    43: "bass strings",
    44: "strings",
    46: "harp",
    47: "drums",
    48: "strings",
    50: "strings synth",
    52: "choir",
    54: "choir synth",
    55: "strings",
    56: "brass",
    62: "brass synth",
    64: "saxophone",
    68: "reeds",
    72: "flute",
    80: "synth",
    91: "synth choir",
    92: "synth",
    104: "plucked",
    108: "bells",
    109: "reeds",
    110: "strings",
    111: "reeds",
    112: "bells",
    115: "drums",
}
_SYNTH_BASSES: Final = (38, 39)


def families(program: int, *, kit: bool = False) -> tuple[str, ...]:
    """What a program is heard as, the chief family first."""
    if kit:
        return ("drums",)
    if program in _SYNTH_BASSES:
        return ("bass", "synth")
    names = _FIRSTS[max(first for first in _FIRSTS if first <= program)]
    return tuple(names.split())


def usual(family: str) -> int:
    """The program that the bare name of a family stands for."""
    return next(iter(INSTRUMENTS[family]))


def named() -> Iterator[tuple[str, tuple[str, int]]]:
    """Every name with its family and program."""
    for family, members in INSTRUMENTS.items():
        for program, names in members.items():
            for name in names.split(", "):
                yield name, (family, program)
