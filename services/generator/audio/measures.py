"""What a finished track measures: on exactly the samples that are delivered."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.generator.audio.loudness import CELL, FLOOR_DB, cell_peaks, loudness
from services.generator.audio.pcm import BLOCK, Samples, to_float
from services.generator.audio.tape import Forecast, Tape

_CLOSE_DB: Final = 0.01
"""As near as this the highest peak is known."""
_AROUND: Final = 2 * CELL
"""Frames on either side of a block: more than the meter's filter is long."""


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
    highest: list[float] = []
    level = loudness(_floats(tape, highest))
    return Measures(level.integrated, level.range, _true_peak(tape, np.array(highest)))


def _floats(tape: Tape, highest: list[float]) -> Iterator[Samples]:
    """All blocks; *highest* gets the highest sample of each."""
    for block in tape.blocks():
        samples = to_float(block)
        highest.append(float(max(samples.max(), -samples.min())))
        yield samples


def _true_peak(tape: Tape, highest: NDArray[np.float64]) -> float:
    """In dBTP: block after block is measured, as long as there may be a higher peak elsewhere."""
    bounds = _bounds(tape.forecast(), highest)
    found = FLOOR_DB
    for number in np.argsort(-bounds, kind="stable"):
        if found + _CLOSE_DB >= bounds[number]:
            break
        found = max(found, _peak(tape, int(number) * BLOCK))
    return found


def _bounds(forecast: Forecast, highest: NDArray[np.float64]) -> NDArray[np.float64]:
    """How high the true peak of each block can be, in dBTP: as foretold, or as its samples are."""
    if forecast.peaks is None:
        return np.full(len(highest), np.inf)
    cells = BLOCK // CELL
    padded = np.pad(forecast.peaks, (0, -len(forecast.peaks) % cells), constant_values=FLOOR_DB)
    foretold = padded.reshape(-1, cells).max(axis=1)
    samples = 20 * np.log10(np.maximum(highest, 10 ** (FLOOR_DB / 20)))
    bounds: NDArray[np.float64] = np.maximum(foretold, samples)
    return bounds


def _peak(tape: Tape, start: int) -> float:
    """Of one block, measured with what is around it."""
    first = max(0, start - _AROUND)
    end = min(start + BLOCK, tape.frames)
    around = to_float(tape.part(first, min(end + _AROUND, tape.frames)))
    cells = cell_peaks([around])[(start - first) // CELL :]
    return float(cells[: -(-(end - start) // CELL)].max())
