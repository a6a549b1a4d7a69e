"""Jazz: walking bass, rootless comping, a head and a solo, all swung."""

from typing import Final

from deploy.local.vertex.music.style import Harmony, Line, Space, Style, Tune

JAZZ: Final = Style(
    tempi=(92, 132, 190),
    major=Harmony(
        scale="major",
        a=(
            "Imaj7,VI7 ii7,V7 iii7,VI7 ii7,V7",
            "ii7 V7 Imaj7 VI7",
            "Imaj7 vi7 ii7 V7",
            "I7 IV7 I7 VI7",
        ),
        b=("III7 VI7 II7 V7", "IVmaj7 iv6 iii7 VI7", "ii7 V7 iii7 VI7"),
        cadence="ii7,V7",
        end="Imaj9",
    ),
    minor=Harmony(
        scale="minor",
        a=("iv7 bVII7 bIIImaj7 bVImaj7", "i6 iiø,V7 i6 iiø,V7", "i7 iv7 iiø V7"),
        b=("iiø V7 i6 i6", "iv7 bVII7 bIIImaj7 V7"),
        cadence="iiø,V7",
        end="i6",
    ),
    major_share=0.6,
    keys=(0, 3, 5, 7, 8, 10),
    tune=Tune(
        cells=(
            "x-xxx-.x",
            ".xxxx-x-",
            "xxxx.x--",
            "..x-xxxx",
            "x--x.xx-",
            ".x-x--xx",
            "xxxxxxx-",
        ),
        closes=("x--x----", "xxx-x---", ".x-x----"),
        leap=0.22,
        chromatic=0.3,
        ornament=0.3,
    ),
    space=Space(decay=1.3, wet=0.16),
    swing=0.64,
    ritard=0.3,
    lines=(
        Line("drums", "drums", (32,), 0, 127, -3, "IABCF", bus="drums", patterns=("swing",)),
        Line("bass", "walk", (32,), 28, 52, 1, "IABCF", bus="dry", gate=0.92),
        Line(
            "piano",
            "pattern",
            (0, 4),
            52,
            72,
            -6,
            "IABCF",
            pan=-0.3,
            shape="rootless",
            vary=True,
            gate=0.8,
            patterns=(
                "x-----x-........",
                "......x-....x-..",
                "..x-..........x-",
                "x-....x-......x-",
                "....x-....x-....",
                "......x---......",
            ),
        ),
        Line("lead", "melody", (66, 65, 59, 11, 71), 55, 79, -2, "ACF", pan=0.15),
        Line("solo", "melody", (11, 0, 26, 59), 60, 84, -2, "B", pan=-0.1),
    ),
)
