"""Electronic: four on the floor, ducked pads and bass, arpeggios, a breakdown."""

from typing import Final

from deploy.local.vertex.music.style import Harmony, Line, Space, Style, Tune

ELECTRONIC: Final = Style(
    tempi=(104, 124, 140),
    major=Harmony(
        scale="major",
        a=("vi IV I V", "IV V vi I", "I V vi IV"),
        b=("IV I V vi", "ii vi IV V", "IV V iii vi"),
        cadence="V",
        end="Iadd9",
    ),
    minor=Harmony(
        scale="minor",
        a=("i bVI bIII bVII", "i bVII bVI bVI", "i iv bVI bVII"),
        b=("bVI bVII i bIII", "iv bVI i bVII"),
        cadence="bVII",
        end="iadd9",
    ),
    major_share=0.3,
    keys=(0, 2, 4, 5, 7, 9, 10),
    tune=Tune(
        cells=("x--x--x-", "x-.x-.xx", "xx.xx.x-", "x-x-..xx", "..x-x-x-"),
        closes=("x--x--x-", "x---x---", "x-------"),
        pentatonic=True,
        ornament=0.0,
    ),
    space=Space(decay=1.8, wet=0.2, echo_beats=0.75, echo=0.4, pump=0.65),
    lines=(
        Line("drums", "drums", (24, 25), 0, 127, 0, "IABCF", bus="drums", patterns=("club",)),
        Line(
            "bass",
            "bass",
            (38, 39),
            28,
            50,
            1,
            "ACF",
            gate=0.8,
            patterns=("..R...R...R...R.", ".RRR.RRR.RRR.R8R", "..RR..R8..RR..5a"),
        ),
        Line("drone", "bass", (39,), 28, 50, -1, "B", patterns=("R---------------",)),
        Line("pad", "sustain", (89, 90), 52, 74, -8, "IABCF", spread=0.7),
        Line(
            "stabs",
            "pattern",
            (81,),
            57,
            77,
            -7,
            "CF",
            spread=0.8,
            gate=0.7,
            patterns=("x--x--x-..x-..x-", "x..x..x.x..x..x.", "..x...x...x...xx"),
        ),
        Line(
            "arp",
            "pattern",
            (80, 81, 5),
            64,
            84,
            -7,
            "IABCF",
            pan=-0.3,
            bus="echo",
            gate=0.7,
            patterns=("0123210312302132", "0.12.01.2.10.231", "0213021302130213"),
        ),
        Line("lead", "melody", (81, 87, 80), 62, 84, -3, "BCF", pan=0.15, bus="echo"),
    ),
)
