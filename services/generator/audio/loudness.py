"""Loudness and true peak exactly as ffmpeg's ``ebur128`` filter sees them (EBU R128, BS.1770).

The filter reports its true peak in three decimals only, so the same resampler is asked directly.
What has to be known at every moment comes in cells of ``CELL`` frames, both channels together.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.filter import Graph
from numpy.typing import NDArray

from services.generator.audio.pcm import BLOCK, CHANNELS, RATE, Samples

FLOOR_LUFS: Final = -70.0
"""The absolute gate: what no gating block exceeds has no loudness."""
FLOOR_DB: Final = -120.0
CELL: Final = 32
"""Frames that share one value."""

Peaks = NDArray[np.float64]
"""dBTP per cell, shape (cells,)."""
Energies = NDArray[np.float32]
"""Sum of the K-weighted squares of both channels per cell, shape (cells,)."""

_OVERSAMPLING: Final = 4
_LAYOUT: Final = "stereo"
_FORMAT: Final = "flt"
_K_WEIGHTING: Final = (
    (1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585),
    (1.0, -2.0, 1.0, -1.99004745483398, 0.99007225036621),
)
"""b0, b1, b2, a1, a2 of both stages at 48 kHz (ITU-R BS.1770-4, tables 1 and 2)."""


@dataclass(frozen=True, slots=True)
class Loudness:
    """What the meter says of a whole piece: LUFS, ``FLOOR_LUFS`` at least, and its range in LU."""

    integrated: float
    range: float


def loudness(parts: Iterable[Samples]) -> Loudness:
    """Integrated loudness, gated over 400-ms blocks, and loudness range (EBU Tech 3342).

    A rest shorter than 100 ms is not counted, as in every ffmpeg measurement.
    """
    integrated, span = FLOOR_LUFS, 0.0
    for frame in _filtered(parts, ("ebur128", "metadata=1:framelog=quiet")):
        integrated = float(frame.metadata.get("lavfi.r128.I", integrated))
        span = float(frame.metadata.get("lavfi.r128.LRA", span))
    return Loudness(max(integrated, FLOOR_LUFS), span)


def cell_energies(parts: Iterable[Samples]) -> Energies:
    """K-weighted energy of each ``CELL`` frames of *parts*: what loudness is made of."""
    stages = [("biquad", _biquad(*stage)) for stage in _K_WEIGHTING]
    whole = ("asetnsamples", f"n={BLOCK}:p=0")
    frames = _filtered(parts, whole, *stages, ("aformat", f"sample_fmts={_FORMAT}"))
    return np.concatenate([_squares(cast("Samples", frame.to_ndarray())) for frame in frames])


def cell_peaks(parts: Iterable[Samples]) -> Peaks:
    """True peak in dBTP of both channels together, for each ``CELL`` frames of *parts*.

    Silence follows a sudden end; a sudden start is continued backwards, as the filter does it.
    """
    peaks = np.concatenate([_cell_maxima(wave) for wave in _oversampled(parts)])
    least = 10 ** (FLOOR_DB / 20)
    decibels: Peaks = 20 * np.log10(np.maximum(peaks[:-1], least, dtype=np.float64))
    return decibels


def _biquad(b0: float, b1: float, b2: float, a1: float, a2: float) -> str:
    return f"b0={b0}:b1={b1}:b2={b2}:a0=1:a1={a1}:a2={a2}"


def _filtered(parts: Iterable[Samples], *filters: tuple[str, str]) -> Iterator[AudioFrame]:
    graph = Graph()
    source = graph.add_abuffer(sample_rate=RATE, format=_FORMAT, layout=_LAYOUT)
    chain = [graph.add(name, options) for name, options in filters]
    graph.link_nodes(source, *chain, graph.add("abuffersink")).configure()
    for frame in _frames(parts):
        graph.push(frame)
        yield from _pulled(graph)


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
    """Planar (2, n) pieces of the oversampled wave, with a cell more than *parts*.

    All but the last hold whole cells.
    """
    resampler = av.AudioResampler(
        format="fltp",
        layout=_LAYOUT,
        rate=RATE * _OVERSAMPLING,
        frame_size=BLOCK * _OVERSAMPLING,
    )
    for frame in _frames(_ended(parts)):
        for finer in resampler.resample(frame):
            yield cast("Samples", finer.to_ndarray())


def _ended(parts: Iterable[Samples]) -> Iterator[Samples]:
    """*parts* and a silent cell: the resampler makes nothing at all of less than a cell."""
    yield from parts
    yield np.zeros((CELL, CHANNELS), np.float32)


def _cell_maxima(wave: Samples) -> Samples:
    left, right = np.abs(wave, out=wave)
    peaks = np.maximum(left, right)
    return cast("Samples", _in_cells(peaks, CELL * _OVERSAMPLING).max(axis=1))


def _squares(interleaved: Samples) -> Energies:
    cells = _in_cells(interleaved.reshape(-1), CELL * CHANNELS)
    return cast("Energies", np.einsum("ij,ij->i", cells, cells))


def _in_cells(wave: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    missing = -len(wave) % width
    return (np.pad(wave, (0, missing)) if missing else wave).reshape(-1, width)
