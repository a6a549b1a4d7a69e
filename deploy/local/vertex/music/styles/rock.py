"""Rock: doubled power chords, driving bass, a pentatonic lead."""

from typing import Final

from deploy.local.vertex.music.style import Harmony, Line, Space, Style, Tune

ROCK: Final = Style(
    tempi=(84, 120, 152),
    major=Harmony(
        scale="mixolydian",
        a=("I bVII IV I", "I IV bVII IV", "I I IV V", "I bIII IV I"),
        b=("IV V I I", "vi IV I V", "bVII IV I V"),
        cadence="bVII,IV",
        end="I",
    ),
    minor=Harmony(
        scale="minor",
        a=("i bVII bVI bVII", "i bVI bIII bVII", "i bIII bVII IV", "i i bVI bVII"),
        b=("bVI bVII i i", "iv bVI bVII v", "bIII bVII bVI V"),
        cadence="bVI,bVII",
        end="i",
    ),
    major_share=0.55,
    keys=(2, 4, 5, 7, 9),
    tune=Tune(
        cells=("x-x-x-xx", "x--x--x-", "xx.xx-x-", ".xx-xxx-", "x-xx.xx-", "x---xxxx"),
        closes=("x--x----", "xx-x----", "x-------"),
        leap=0.2,
        pentatonic=True,
    ),
    space=Space(decay=1.1, wet=0.13),
    groove="rock",
    lines=(
        Line("drums", "drums", (16,), 0, 127, -1, "IABCF", bus="drums"),
        Line(
            "bass",
            "bass",
            (34,),
            28,
            52,
            0,
            "ABCF",
            bus="dry",
            patterns=("RRRRRRRR", "R-RRR-5a", "RRRR5R8a"),
        ),
        Line(
            "rhythm",
            "pattern",
            (30,),
            40,
            58,
            -5,
            "ABCF",
            spread=0.85,
            shape="power",
            patterns=("X-oox-ooX-oox-xo", "X--ox--ox--ox-x-", "x-x-oox-x-x-oox-"),
            gate=0.85,
        ),
        Line(
            "clean",
            "pattern",
            (27,),
            52,
            74,
            -6,
            "IA",
            pan=0.4,
            gate=1.2,
            patterns=("0.1.2.1.3.1.2.1.", "0.2.1.2.3.2.1.2."),
        ),
        Line("organ", "sustain", (18, 16), 55, 76, -11, "BCF", pan=-0.3),
        Line("lead", "melody", (29,), 60, 84, -2, "ABCF", pan=0.15, bus="echo"),
    ),
)
