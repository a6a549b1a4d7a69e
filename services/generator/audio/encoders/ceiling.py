"""Holds what is decoded from a lossy file under the ceiling that the tape itself keeps.

A lossy codec moves the peaks: it cuts off the highest frequencies, and adds its own noise, which
made up to 1.5 dB of single peaks of music. So what the tape has above a lower ceiling is turned
down, some milliseconds each, before it is encoded at all. The encoder is listened to while it
works: where its sound comes out over the ceiling all the same, the tape is encoded once more with
these places turned down further. No track is turned down as a whole.

Of 18 pieces of composed music, in six styles and below -1.5 dBTP, the first try was over:

               as it is on the tape    turned down before     loudness lost by that
    mastered   MP3   Opus   AAC        MP3   Opus   AAC       mean      most
    -14 LUFS   2     0      2          0     0      0         0.01 LU   0.07 LU
    -9 LUFS    6     7      2          1     0      2         0.06 LU   0.09 LU
"""

from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Final

import numpy as np

from services.generator.audio import limiter
from services.generator.audio.limiter import AnyPeaks, Curve
from services.generator.audio.loudness import CELL, FLOOR_DB, Peaks, cell_peaks
from services.generator.audio.pcm import BLOCK, Pcm, to_float, to_integers
from services.generator.audio.tape import Forecast, Tape

CEILING_DBTP: Final = -1.0

_GUARD_DB: Final = 0.01
"""What another decoder may make of the same file, and to spare."""
_FEEDS_DBTP: Final = (-2.4, -2.2, -2.0, -1.8, -1.6)
"""Ceilings of the first try: the first of these that costs less than ``_MOST_LOST_LU``."""
_MOST_LOST_LU: Final = 0.1
"""Music that is pressed against the ceiling would lose 0.4 at the lowest of them."""
_AIMS_DB: Final = (0.35, 1.0, 2.0)
"""How far below the ceiling each further try aims: its noise is not that of the one before.

Percussion was seen to need two of them; the last one is there to end it.
"""

Attempt = Callable[[Iterable[Pcm]], tuple[BytesIO, Peaks]]
"""Blocks to a file, and the true peaks of what is decoded from it, cell by cell of the tape."""


def below_ceiling(tape: Tape, attempt: Attempt) -> BytesIO:
    """The file that *attempt* makes of the tape, decoded peaks at ``CEILING_DBTP`` at most.

    A tape that is itself above it was not to be touched: its file is the first one.
    """
    forecast = tape.forecast()
    curve = _first_curve(tape.frames, forecast)
    file, peaks = attempt(_turned_down(tape, curve))
    if _over(peaks) and not _over(_peaks(tape, forecast)):
        file.close()  # or two would be held at a time
        return _lowered(tape, attempt, curve, peaks)
    return file


def _first_curve(frames: int, forecast: Forecast) -> Curve:
    """How far each node is turned down before anything is heard, in decibels >= 0."""
    if forecast.peaks is not None:
        for feed in _FEEDS_DBTP:
            curve = limiter.reduction(forecast.peaks, feed, loop=forecast.loop)
            if _lost(forecast.peaks, curve) <= _MOST_LOST_LU:
                return curve
    return np.zeros(-(-frames // CELL) + 1)


def _lowered(tape: Tape, attempt: Attempt, curve: Curve, peaks: Peaks) -> BytesIO:
    """Further tries, *curve* having led to *peaks*."""
    loop = tape.forecast().loop
    for aim in _AIMS_DB:
        heard = _fitted(peaks, len(curve) - 1)
        curve += limiter.reduction(heard, CEILING_DBTP - _GUARD_DB - aim, loop=loop)
        file, peaks = attempt(_turned_down(tape, curve))
        if not _over(peaks):
            break
    return file


def _lost(peaks: AnyPeaks, curve: Curve) -> float:
    """The loudness that *curve* costs, in LU; the peaks tell it to a hundredth."""
    powers = 10 ** (peaks / 10)
    left = powers * 10 ** (-curve[1:] / 10)
    return float(10 * np.log10(powers.sum() / left.sum()))


def _peaks(tape: Tape, forecast: Forecast) -> AnyPeaks:
    if forecast.peaks is not None:
        return forecast.peaks
    return cell_peaks(map(to_float, tape.blocks()))


def _over(peaks: AnyPeaks) -> bool:
    return float(peaks.max()) > CEILING_DBTP - _GUARD_DB


def _fitted(peaks: Peaks, cells: int) -> Peaks:
    """A codec's last frame may be longer than what is left of the tape."""
    return np.pad(peaks[:cells], (0, max(0, cells - len(peaks))), constant_values=FLOOR_DB)


def _turned_down(tape: Tape, curve: Curve) -> Iterator[Pcm]:
    gains = (10 ** (-curve / 20)).astype(np.float32)
    for number, block in enumerate(tape.blocks()):
        first = number * (BLOCK // CELL)
        here = gains[first : first + -(-len(block) // CELL) + 1]
        yield block if (here == 1).all() else _changed(block, here, tape.bit_depth)


def _changed(block: Pcm, gains: limiter.Gains, bit_depth: int) -> Pcm:
    samples = to_float(block)
    limiter.apply(samples, gains)
    return to_integers(samples, bit_depth)
