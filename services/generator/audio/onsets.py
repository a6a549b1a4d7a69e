"""How much newly sounds, hop by hop: the curve in which beats are heard; NumPy only.

Spectral flux in logarithmic bands of compressed magnitude, less its mean over half a second
(D. Ellis, "Beat Tracking by Dynamic Programming", 2007, §3.1).
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from services.generator.audio.pcm import RATE, Pcm16

Curve = NDArray[np.float64]
"""Onset strength, one value per hop, shape (hops,)."""
Flux = NDArray[np.float32]
"""How much louder each band has become since the last hop, shape (hops, bands)."""

_HOP: Final = 480
PER_SECOND: Final = RATE / _HOP
LATENCY_SECONDS: Final = 0.0135
"""How long after the start of its window a hit changes the spectrum most (measured)."""

_WINDOW: Final = 1024
_BANDS: Final = 40
_COMPRESSION: Final = 100.0
_CHUNK: Final = 500
_MEAN_HOPS: Final = 50


def flux(pcm: Pcm16) -> Flux:
    """How much louder the bands of *pcm*, shape (frames, 2), at least 1024 frames, become."""
    return np.concatenate([*_chunks(pcm)])


def curve(flux: Flux) -> Curve:
    """The onset curve of all bands together."""
    together = flux.mean(axis=1, dtype=np.float64)
    mean = np.convolve(together, np.ones(_MEAN_HOPS) / _MEAN_HOPS, "same")
    above: Curve = np.maximum(together - mean, 0.0)
    return above


def _chunks(pcm: Pcm16) -> Iterator[Flux]:
    last = None
    hops = (len(pcm) - _WINDOW) // _HOP + 1
    for start in range(0, hops, _CHUNK):
        stop = min(start + _CHUNK, hops)
        bands = _loudness(pcm[start * _HOP : (stop - 1) * _HOP + _WINDOW])
        before = bands[:1] if last is None else last
        yield np.maximum(np.diff(bands, axis=0, prepend=before), 0.0)
        last = bands[-1:]


def _loudness(pcm: Pcm16) -> NDArray[np.float32]:
    """Compressed magnitude per hop and band."""
    mono = (pcm[:, 0].astype(np.float32) + pcm[:, 1]) / 65_536
    windows = sliding_window_view(mono, _WINDOW)[::_HOP]
    spectra = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW).astype(np.float32), axis=1))
    edges = np.unique(np.geomspace(2, _WINDOW // 2, _BANDS + 1).astype(int))[:-1]
    bands = np.add.reduceat(spectra, edges, axis=1) / _WINDOW**0.5
    loudness: NDArray[np.float32] = np.log1p(_COMPRESSION * bands).astype(np.float32)
    return loudness
