"""Loudness and true peak exactly as ffmpeg's ``ebur128`` filter sees them (EBU R128, BS.1770).

The filter reports its true peak in three decimals only, so the same resampler is asked directly.
"""

from collections.abc import Iterable, Iterator
from typing import Final, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.filter import Graph
from numpy.typing import NDArray

from services.generator.audio.pcm import BLOCK, RATE, Samples

FLOOR_LUFS: Final = -70.0
"""The absolute gate: what no gating block exceeds has no loudness."""
FLOOR_DB: Final = -120.0
CELL: Final = 32
"""Frames that share one peak value."""

Peaks = NDArray[np.float64]
"""dBTP per cell, shape (cells,)."""

_OVERSAMPLING: Final = 4
_LAYOUT: Final = "stereo"
_FORMAT: Final = "flt"


def integrated(parts: Iterable[Samples]) -> float:
    """Integrated loudness in LUFS, gated over 400-ms blocks; ``FLOOR_LUFS`` at least.

    A rest shorter than 100 ms is not counted, as in every ffmpeg measurement.
    """
    graph = _meter()
    loudness = FLOOR_LUFS
    for frame in _frames(parts):
        graph.push(frame)
        for measured in _pulled(graph):
            loudness = float(measured.metadata.get("lavfi.r128.I", loudness))
    return max(loudness, FLOOR_LUFS)


def cell_peaks(parts: Iterable[Samples]) -> Peaks:
    """True peak in dBTP of both channels together, for each ``CELL`` frames of *parts*."""
    peaks = np.concatenate([_cell_maxima(wave) for wave in _oversampled(parts)])
    decibels: Peaks = 20 * np.log10(np.maximum(peaks, 10 ** (FLOOR_DB / 20)))
    return decibels


def _meter() -> Graph:
    graph = Graph()
    source = graph.add_abuffer(sample_rate=RATE, format=_FORMAT, layout=_LAYOUT)
    meter = graph.add("ebur128", "metadata=1:framelog=quiet")
    graph.link_nodes(source, meter, graph.add("abuffersink")).configure()
    return graph


def _pulled(graph: Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            yield cast("AudioFrame", graph.pull())
        except (av.BlockingIOError, av.EOFError):
            return


def _frames(parts: Iterable[Samples]) -> Iterator[AudioFrame | None]:
    """*parts* as libav wants them, one at a time, and its end mark."""
    position = 0
    for part in parts:
        interleaved = np.ascontiguousarray(part).reshape(1, -1)
        frame = AudioFrame.from_ndarray(interleaved, format=_FORMAT, layout=_LAYOUT)
        frame.sample_rate = RATE
        frame.pts = position
        position += len(part)
        yield frame
    yield None


def _oversampled(parts: Iterable[Samples]) -> Iterator[Samples]:
    """Planar (2, n) pieces of the oversampled wave; all but the last hold whole cells."""
    resampler = av.AudioResampler(
        format="fltp",
        layout=_LAYOUT,
        rate=RATE * _OVERSAMPLING,
        frame_size=BLOCK * _OVERSAMPLING,
    )
    for frame in _frames(parts):
        for finer in resampler.resample(frame):
            yield cast("Samples", finer.to_ndarray())


def _cell_maxima(wave: Samples) -> Samples:
    left, right = np.abs(wave, out=wave)
    peaks = np.maximum(left, right)
    width = CELL * _OVERSAMPLING
    padded = np.pad(peaks, (0, -len(peaks) % width))
    return cast("Samples", padded.reshape(-1, width).max(axis=1))
