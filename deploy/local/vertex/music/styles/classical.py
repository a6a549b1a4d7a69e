"""Classical: a melody with broken chords, strings, horn and timpani."""

from typing import Final

from deploy.local.vertex.music.style import Harmony, Line, Space, Style, Tune

CLASSICAL: Final = Style(
    tempi=(63, 92, 132),
    major=Harmony(
        scale="major",
        a=("I,V/3 vi,iii IV,I/3 ii,V", "I V7/3 I IV,V", "I ii/3 V7 I", "I vi ii/3 V7"),
        b=("vi iii IV I/3", "V I/3 V7/3 I", "ii V7 iii vi", "IV I/3 ii V7"),
        cadence="I/5,V7",
        end="I",
    ),
    minor=Harmony(
        scale="minor",
        a=("i V7/3 i iv", "i iv V7 i", "i bVI iv V", "i bVII bVI V"),
        b=("bIII bVII i V", "iv i/3 bVI V7", "bVI bIII/3 iv V"),
        cadence="i/5,V7",
        end="i",
    ),
    major_share=0.75,
    keys=(0, 2, 3, 5, 7, 9, 10),
    tune=Tune(
        cells=("x---x-xx", "x-x-xxxx", "x--xx-x-", "x-xxx-x-", "xxxxx---", "x---x---"),
        closes=("x-x-x---", "xxx-x---", "x---x---"),
        leap=0.2,
        ornament=0.45,
    ),
    space=Space(decay=2.4, wet=0.34),
    ritard=0.9,
    lines=(
        Line(
            "cello",
            "bass",
            (42,),
            36,
            57,
            -4,
            "ABCF",
            pan=0.35,
            patterns=("R-------5-------", "R-----a-R-----a-", "R---3---5---a---"),
        ),
        Line("bass", "bass", (43,), 28, 47, -7, "BCF", pan=0.4, patterns=("R-------R-------",)),
        Line(
            "broken",
            "pattern",
            (0, 46),
            52,
            72,
            -6,
            "IACF",
            pan=-0.2,
            gate=1.3,
            patterns=("0212021202120212", "0121012101210121", "0-1-2-3-2-1-2-1-"),
        ),
        Line(
            "pizzicato", "pattern", (45,), 55, 76, -6, "B", pan=-0.1, patterns=("..x-..x-..x-..x-",)
        ),
        Line("violas", "sustain", (48,), 52, 69, -9, "ABCF", pan=0.15, spread=0.3),
        Line("violins", "guide", (48,), 67, 84, -7, "CF", pan=-0.4),
        Line("lead", "melody", (40, 73, 68, 71), 67, 88, -2, "ABCF", pan=-0.15),
        Line("flute", "melody", (73,), 79, 100, -9, "C", pan=0.1),
        Line("horn", "guide", (60,), 50, 67, -8, "CF", pan=0.25),
        Line(
            "timpani",
            "bass",
            (47,),
            36,
            55,
            -7,
            "CF",
            pan=0.1,
            vary=True,
            patterns=("R...............", "R...........R.R.", "R.......R...RRRR"),
        ),
        Line("kit", "drums", (48,), 0, 127, -6, "", bus="drums", patterns=("parade",)),
    ),
)
