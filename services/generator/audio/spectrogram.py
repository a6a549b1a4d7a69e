"""A picture of a track: time to the right, nine octaves upward, level as colour.

Each row is one band of a constant-Q bank, so that noise with equal power in each octave is of one
colour. There is one FFT for each column, whatever the length of the track.
"""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import Final

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from services.generator.audio.pcm import CHANNELS, RATE, Pcm, Samples, to_float
from services.generator.audio.tape import Tape

WIDTH: Final = 1200
HEIGHT: Final = 400

_LOWEST_HERTZ: Final = 40.0
_HIGHEST_HERTZ: Final = 20_000.0
_WINDOW: Final = 8192
_FLOOR_DB: Final = -85.0
_TOP_DB: Final = -15.0
_SHADES: Final = 256
_COLOURS: Final = (
    (6, 8, 22),
    (34, 24, 92),
    (108, 30, 128),
    (188, 52, 108),
    (238, 104, 66),
    (255, 176, 66),
    (255, 242, 196),
)
"""Ever brighter, so that it can be read without its colours, too."""

Bands = NDArray[np.float64]
"""Power in each band, lowest first, shape (windows, ``HEIGHT``); a full-scale sine has 1."""


def spectrogram(tape: Tape) -> bytes:
    """A PNG of ``WIDTH`` by ``HEIGHT``; reads *tape* while it grows.

    Raises:
        UnfinishedTape: the tape's writer has failed.
    """
    # On a tape with half a window of silence before, each begins where its column's middle is.
    starts = (2 * np.arange(WIDTH) + 1) * tape.frames // (2 * WIDTH)
    bank = _Bank()
    bands = np.concatenate([bank.bands(windows) for windows in _windows(tape, starts)])
    return _png(_shades(bands).T[::-1])


def _windows(tape: Tape, starts: NDArray[np.int64]) -> Iterator[Samples]:
    """The windows that each new block completes, shape (windows, ``_WINDOW``)."""
    silence = np.zeros(_WINDOW // 2, np.float32)
    held, first = silence, 0
    for piece in chain(map(_mono, tape.blocks()), [silence]):
        held = np.concatenate([held, piece])
        last = first + len(held) - _WINDOW
        due, starts = np.split(starts, [np.searchsorted(starts, last, side="right")])
        if due.size:
            yield sliding_window_view(held, _WINDOW)[due - first]
        past = min(int(starts[0]) - first, len(held)) if starts.size else 0
        held, first = held[past:], first + past


def _mono(block: Pcm) -> Samples:
    samples = to_float(block)
    both: Samples = samples[:, 0] + samples[:, 1]
    both /= CHANNELS
    return both


class _Bank:
    """The filters, worked out once."""

    def __init__(self) -> None:
        self._shape = np.hanning(_WINDOW).astype(np.float32)
        self._scale = 4 / (_WINDOW * float(np.vdot(self._shape, self._shape)))
        hertz = np.geomspace(_LOWEST_HERTZ, _HIGHEST_HERTZ, HEIGHT + 1)
        share, whole = np.modf(hertz * _WINDOW / RATE + 0.5)
        self._share, self._step = share, whole.astype(np.intp)

    def bands(self, windows: Samples) -> Bands:
        """Differences of the running sum over all frequencies, read between its steps."""
        spectra = np.fft.rfft(windows * self._shape)
        powers = spectra.real**2 + spectra.imag**2
        running = np.zeros((len(powers), powers.shape[1] + 1))
        np.cumsum(powers, axis=1, out=running[:, 1:], dtype=np.float64)
        below, above = running[:, self._step], running[:, self._step + 1]
        bands: Bands = np.diff(below + (above - below) * self._share, axis=1)
        return bands * self._scale


def _shades(powers: Bands) -> NDArray[np.uint8]:
    decibels = 10 * np.log10(np.maximum(powers, 10 ** (_FLOOR_DB / 10)))
    share = np.clip((decibels - _FLOOR_DB) / (_TOP_DB - _FLOOR_DB), 0, 1)
    return np.rint(share * (_SHADES - 1)).astype(np.uint8)


def _png(shades: NDArray[np.uint8]) -> bytes:
    pair = (np.ascontiguousarray(shades), _palette())
    frame = VideoFrame.from_ndarray(pair, format="pal8")  # type: ignore[arg-type] # the stub lacks this form
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "pal8"
    encoder.time_base = Fraction(1)
    return b"".join(bytes(packet) for part in (frame, None) for packet in encoder.encode(part))


def _palette() -> NDArray[np.uint8]:
    """One colour per shade: alpha, red, green, blue."""
    at = np.linspace(0, len(_COLOURS) - 1, _SHADES)
    channels = [
        np.interp(at, range(len(_COLOURS)), values) for values in zip(*_COLOURS, strict=True)
    ]
    palette: NDArray[np.uint8] = np.rint([np.full(_SHADES, 255.0), *channels]).T.astype(np.uint8)
    return np.ascontiguousarray(palette)
