"""Grooves: bars of drum strokes per style and section, and fills.

A bar is 16 steps: `X` accent, `x` stroke, `o` soft, `g` ghost. Keys are General MIDI percussion.
"""

from collections.abc import Mapping
from typing import Final

KICK, RIM, SNARE, CLAP, CLOSED, PEDAL, OPEN = 36, 37, 38, 39, 42, 44, 46
FLOOR_TOM, MID_TOM, CRASH, HIGH_TOM, RIDE, TAMBOURINE, SHAKER = 43, 47, 49, 50, 51, 54, 70

BALANCE: Final = {
    KICK: 5.0,
    RIM: -4.0,
    SNARE: 3.0,
    CLAP: 0.0,
    CLOSED: -9.0,
    PEDAL: -10.0,
    OPEN: -7.0,
    FLOOR_TOM: 2.0,
    MID_TOM: 2.0,
    CRASH: -3.0,
    HIGH_TOM: 2.0,
    RIDE: -8.0,
    TAMBOURINE: -10.0,
    SHAKER: -13.0,
}
"""How loud each drum of the kit is against a melody note, in dB."""

STEPS: Final = 16

Bar = Mapping[int, str]

_EIGHTHS = "x.o.x.o.x.o.x.o."
_SIXTEENTHS = "xgogxgogxgogxgog"
_BACKBEAT = "....X.......X..."

GROOVES: Final[dict[str, dict[str, Bar]]] = {
    "pop": {
        "I": {SHAKER: _EIGHTHS},
        "A": {KICK: "X.....o.x.......", RIM: "....x.......x...", CLOSED: _EIGHTHS},
        "B": {
            KICK: "X.....x.x.o.....",
            SNARE: "....x..g....x.g.",
            CLOSED: _EIGHTHS,
            SHAKER: _SIXTEENTHS,
        },
        "C": {
            KICK: "X..o..x.x.o...o.",
            SNARE: "....X..g.g..X..g",
            RIDE: _EIGHTHS,
            TAMBOURINE: "....x.......x...",
        },
    },
    "rock": {
        "I": {
            CLOSED: "X...x...X...x...",
            KICK: "X...............",
        },
        "A": {KICK: "X.....x.X.x.....", SNARE: _BACKBEAT, CLOSED: "X.x.X.x.X.x.X.x."},
        "B": {KICK: "X..x..x.X.x...x.", SNARE: "....X..g.g..X...", RIDE: "X.x.X.x.X.x.X.x."},
        "C": {
            KICK: "X.x...x.X.x..xx.",
            SNARE: "....X..g....X.g.",
            OPEN: "X...X...X...X...",
            CLOSED: "..x...x...x...x.",
        },
    },
    "club": {
        "I": {KICK: "X...X...X...X...", CLOSED: "..o...o...o...o."},
        "A": {
            KICK: "X...X...X...X...",
            CLAP: "....x.......x...",
            CLOSED: _SIXTEENTHS,
            OPEN: "..x...x...x...x.",
        },
        "B": {CLAP: "....o.......o...", CLOSED: "..x.g.x...x.g.x.", SHAKER: _SIXTEENTHS},
        "C": {
            KICK: "X...X...X...X...",
            CLAP: "....X.......X..g",
            SNARE: "....x.......x...",
            CLOSED: _SIXTEENTHS,
            OPEN: "..X...X...X...X.",
            RIDE: "x...x...x...x...",
        },
    },
    "swing": {
        "I": {RIDE: "x...x.o.x...x.o.", PEDAL: "....x.......x..."},
        "A": {
            RIDE: "x...X.o.x...X.o.",
            PEDAL: "....x.......x...",
            KICK: "g...g...g...g...",
            SNARE: "......g.......g.",
        },
        "B": {
            RIDE: "x.o.X.o.x.o.X.o.",
            PEDAL: "....x.......x...",
            KICK: "g...g...g.o.g...",
            SNARE: "..g.......o.....",
        },
        "C": {
            RIDE: "x.o.X.o.x...X.o.",
            PEDAL: "....x.......x...",
            KICK: "o...g...g...o.g.",
            SNARE: "......o..g....o.",
        },
    },
    "pulse": {
        "B": {SHAKER: "o.g.o.g.o.g.o.g."},
        "C": {
            SHAKER: "o.g.o.g.o.g.o.g.",
            KICK: "o...............",
        },
    },
    "drift": {
        "A": {KICK: "x.......o.......", RIM: "........x......."},
        "B": {KICK: "x.......o.....o.", RIM: "........x.......", CLOSED: "..o...o...o...o."},
        "C": {
            KICK: "X.....o.x.......",
            SNARE: "........x......g",
            CLOSED: "x.o.x.o.x.o.x.o.",
        },
    },
    "parade": {
        "I": {SNARE: "x..gx.x.x..gxgxg"},
        "A": {SNARE: "X..gx.x.X..gxgxg", KICK: "X.......x......."},
        "B": {SNARE: "X.gxx.g.X.gxx.xx", KICK: "X.......X......."},
        "C": {SNARE: "X.gxX.gxX.gxXxXx", KICK: "X...x...X...x...", FLOOR_TOM: "....x.......x..."},
    },
}
CRASHING: Final = frozenset({"rock", "pop", "club", "parade"})
"""Grooves whose sections open with a cymbal."""
TURNS: Final[dict[str, tuple[Bar, ...]]] = {
    "pop": ({OPEN: "..x."}, {SNARE: "x.gx"}, {KICK: "x.xx"}),
    "rock": ({OPEN: "x.x."}, {SNARE: "X.xx"}, {KICK: "x.xx", SNARE: "X..x"}),
    "club": ({KICK: "X.x."}, {CLAP: "x..x"}, {OPEN: "x.xx"}),
    "swing": ({SNARE: "..x."}, {RIDE: "x.xx"}, {KICK: "o.x."}),
    "pulse": ({SHAKER: "ogog"},),
    "drift": ({RIM: "x..x"}, {CLOSED: "xoxo"}),
    "parade": ({SNARE: "xxxx"}, {SNARE: "XgxX"}),
}
"""Other last beats for a bar in the middle of a section."""
FILLS: Final[dict[str, tuple[Bar, ...]]] = {
    "pop": (
        {SNARE: "........o.g.x.xx", MID_TOM: "..........x.....", FLOOR_TOM: ".............x.x"},
        {SNARE: "........x..xx...", HIGH_TOM: "............xx..", FLOOR_TOM: "..............x."},
        {RIM: "....x...........", SNARE: "............x.xx"},
    ),
    "rock": (
        {
            SNARE: "........X.xx....",
            HIGH_TOM: "............X...",
            MID_TOM: ".............x..",
            FLOOR_TOM: "..............XX",
            KICK: "X.....x.X...x...",
        },
        {SNARE: "....X...XxXxXxXx", KICK: "X.....x.X...X..."},
        {SNARE: "....X...X...X.X.", FLOOR_TOM: "..........xx..xx", KICK: "X.....x.X...X..."},
    ),
    "club": (
        {SNARE: "........o.o.oxxX", CLAP: "....x.......x..."},
        {SNARE: "o.o.o.o.oooooxxX", KICK: "X...X..........."},
        {CLAP: "....x.......x.xx", OPEN: "..x...x...x....."},
    ),
    "swing": (
        {
            SNARE: "......o.o.x...x.",
            MID_TOM: "............x...",
            RIDE: "x...x...........",
            PEDAL: "....x.......x...",
        },
        {RIDE: "x...x.o.x.......", SNARE: "..........o.x.x.", KICK: "............x..."},
        {RIDE: "x...x.o.x...x.o.", SNARE: "........x.o.o.x.", PEDAL: "....x.......x..."},
    ),
    "pulse": ({},),
    "drift": ({RIM: "............x.x.", MID_TOM: "..............o."},),
    "parade": ({SNARE: "xgxgxgxgxxxxxxxX"}, {SNARE: "X.......xgxgxxxX"}),
}
