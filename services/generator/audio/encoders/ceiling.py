"""Holds what is decoded from a lossy file under the ceiling that the tape itself keeps.

A lossy codec moves the peaks: it cuts off the highest frequencies, and adds its own noise. Of
music limited to -1.5 dBTP it made -0.7 to -1.5, of drum machines up to 0.0, of clipped noise up to
+1.2. So each encoder is listened to while it works; where its sound comes out over the ceiling,
the tape is encoded once more with these places, some milliseconds each, turned down. The loudness
of music stays within 0.15 LU; no track is turned down as a whole.
"""

from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Final

import numpy as np

from services.generator.audio import limiter
from services.generator.audio.limiter import Curve
from services.generator.audio.loudness import CELL, FLOOR_DB, Peaks, cell_peaks
from services.generator.audio.pcm import BLOCK, Pcm, to_float, to_integers
from services.generator.audio.tape import Tape

CEILING_DBTP: Final = -1.0

_GUARD_DB: Final = 0.01
"""What another decoder may make of the same file, and to spare."""
_AIMS_DB: Final = (0.35, 1.0, 2.0)
"""How far below the ceiling each further try aims: its noise is not that of the one before.

Percussion was seen to need two of them; the last one is there to end it.
"""

Attempt = Callable[[Iterable[Pcm]], tuple[BytesIO, Peaks]]
"""Blocks to a file, and the true peaks of what is decoded from it, cell by cell of the tape."""


def below_ceiling(tape: Tape, attempt: Attempt) -> BytesIO:
    """The file that *attempt* makes of the tape, decoded peaks at ``CEILING_DBTP`` at most.

    A tape that is itself above the ceiling was not to be touched: its file is the first one.
    """
    file, peaks = attempt(tape.blocks())
    if _over(peaks) and not _over(cell_peaks(map(to_float, tape.blocks()))):
        return _lowered(tape, attempt, peaks)
    return file


def _lowered(tape: Tape, attempt: Attempt, peaks: Peaks) -> BytesIO:
    cells = -(-tape.frames // CELL)
    curve: Curve = np.zeros(cells + 1)
    for aim in _AIMS_DB:
        curve += limiter.reduction(_fitted(peaks, cells), CEILING_DBTP - _GUARD_DB - aim)
        file, peaks = attempt(_turned_down(tape, curve))
        if not _over(peaks):
            break
    return file


def _over(peaks: Peaks) -> bool:
    return float(peaks.max()) > CEILING_DBTP - _GUARD_DB


def _fitted(peaks: Peaks, cells: int) -> Peaks:
    """A codec's last frame may be longer than what is left of the tape."""
    return np.pad(peaks[:cells], (0, max(0, cells - len(peaks))), constant_values=FLOOR_DB)


def _turned_down(tape: Tape, curve: Curve) -> Iterator[Pcm]:
    gains = (10 ** (-curve / 20)).astype(np.float32)
    for number, block in enumerate(tape.blocks()):
        first = number * (BLOCK // CELL)
        samples = to_float(block)
        limiter.apply(samples, gains[first : first + -(-len(block) // CELL) + 1])
        yield to_integers(samples, tape.bit_depth)
