"""What a finished track measures: on exactly the samples that are delivered."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from services.generator.audio.loudness import cell_peaks, loudness
from services.generator.audio.pcm import Samples, to_float
from services.generator.audio.tape import Tape


@dataclass(frozen=True, slots=True)
class Measures:
    """Loudness, its range and the highest true peak (EBU R128), as ffmpeg's meter has them."""

    loudness_lufs: float
    """-70 at least: silence, and what is shorter than 400 ms, has no loudness."""
    loudness_range_lu: float
    true_peak_dbtp: float


def measure(tape: Tape) -> Measures:
    """Read *tape* while it grows; ends when the last frame is there.

    Raises:
        UnfinishedTape: its writer has failed.
    """
    with ThreadPoolExecutor(1) as beside:
        peaks = beside.submit(cell_peaks, _floats(tape))
        level = loudness(_floats(tape))
        return Measures(level.integrated, level.range, float(peaks.result().max()))


def _floats(tape: Tape) -> Iterator[Samples]:
    return map(to_float, tape.blocks())
