"""Ambient: wide pads, a slow pulse, scattered bells, much room."""

from typing import Final

from deploy.local.vertex.music.style import Harmony, Line, Space, Style, Tune

AMBIENT: Final = Style(
    tempi=(54, 68, 90),
    major=Harmony(
        scale="lydian",
        a=("Imaj9 vi9 IVmaj9 Iadd9", "Imaj9 iii7 vi9 IVmaj9", "Iadd9 V/3 IVmaj9 IVmaj9"),
        b=("vi9 IVmaj9 Iadd9 Vsus4", "IVmaj9 iii7 ii9 vi9", "ii9 vi9 IVmaj9 V"),
        cadence="IVmaj9",
        end="Imaj9",
    ),
    minor=Harmony(
        scale="minor",
        a=("i9 bVImaj9 i9 bIIImaj7", "iadd9 iv9 bVImaj7 bVII", "i9 v7 bVImaj9 iv9"),
        b=("bVImaj9 bVII i9 v7", "iv9 bVImaj7 bIIImaj9 bVII"),
        cadence="iv9",
        end="iadd9",
    ),
    major_share=0.65,
    keys=(0, 2, 3, 5, 7, 9, 10),
    tune=Tune(
        cells=("x-------", "x---x---", "..x---x-", "x-----x-", "....x---"),
        closes=("x-------", "..x-----"),
        leap=0.3,
        ornament=0.1,
    ),
    space=Space(decay=3.8, wet=0.4, echo_beats=0.75, echo=0.45),
    ritard=0.6,
    lines=(
        Line("drums", "drums", (8,), 0, 127, -8, "BC", bus="drums", patterns=("pulse",)),
        Line(
            "sub", "bass", (39, 35), 28, 46, -4, "IABCF", bus="dry", patterns=("R---------------",)
        ),
        Line("pad", "sustain", (89, 49), 52, 74, -7, "IABCF", spread=0.7, shape="rootless"),
        Line("halo", "sustain", (94, 91, 95, 52), 60, 84, -11, "BCF", pan=0.2),
        Line(
            "pulse",
            "pattern",
            (4, 108, 46, 10),
            60,
            81,
            -6,
            "ABCF",
            pan=-0.3,
            bus="echo",
            gate=1.8,
            patterns=("0.2.1.3.2.1.3.2.", "0..2..1..3..2.1.", "0.1.2.3.4.3.2.1."),
        ),
        Line("bells", "scatter", (98, 11, 8), 72, 93, -8, "IABC", pan=0.4, bus="echo"),
        Line("lead", "melody", (75, 77, 42, 11), 57, 79, -4, "BCF", pan=0.1, bus="echo"),
        Line("kit", "drums", (8,), 0, 127, -5, "", bus="drums", patterns=("drift",)),
    ),
)
