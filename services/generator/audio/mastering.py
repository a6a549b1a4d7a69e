"""From a whole piece to finished samples: loudness, true peak, 16 or 24 bit.

Two reads of the piece: ``solve`` finds the gain on small arrays, ``render`` writes the tape.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.generator.audio import limiter
from services.generator.audio.dither import Dither
from services.generator.audio.levelling import level
from services.generator.audio.limiter import Gains
from services.generator.audio.loudness import CELL, cell_energies, cell_peaks
from services.generator.audio.measures import Measures
from services.generator.audio.pcm import BIT_DEPTHS, to_integers
from services.generator.audio.source import Source
from services.generator.audio.tape import Forecast, Tape

_LIMITED_LU: Final = 0.2
"""So far below its target a track is said to be limited."""


@dataclass(frozen=True, slots=True)
class MasterSpec:
    """What to make of a piece. ``loudness_lufs=None`` leaves every sample as it is."""

    loudness_lufs: float | None = -14.0
    ceiling_dbtp: float = -1.0
    bit_depth: int = 16
    dither_seed: int = 0
    loop: bool = False
    """The piece runs into its own start: the gain must do so too."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The gain to apply: small, whatever the length (12 kB a second)."""

    gain_db: float
    """Static gain, before the limiter."""
    reduction_db: float
    """The most that the limiter takes away, anywhere."""
    gains: Gains | None
    """Both together as a factor at each cell boundary; None: nothing is changed."""
    forecast: Forecast
    """What will be on the tape."""


def solve(source: Source, spec: MasterSpec) -> Plan:
    """Read *source* and find the gain that *spec* asks for.

    The two meters take a thread and an iterator of their own: both read at the same time.
    """
    if spec.loudness_lufs is None:
        return Plan(0.0, 0.0, None, Forecast(loop=spec.loop))
    with ThreadPoolExecutor(1) as beside:
        meter = beside.submit(cell_peaks, source.blocks())
        energies = cell_energies(source.blocks())
    peaks, target, ceiling = meter.result(), spec.loudness_lufs, spec.ceiling_dbtp
    gain, curve = level(energies, peaks, target, ceiling, loop=spec.loop)
    gains = (10 ** (curve / 20)).astype(np.float32)
    peaks += np.maximum(curve[:-1], curve[1:])
    forecast = Forecast(peaks.astype(np.float32), spec.loop)
    return Plan(gain, gain - float(curve.min()), gains, forecast)


def render(source: Source, plan: Plan, spec: MasterSpec, tape: Tape) -> None:
    """Read *source* again and write it, finished, to *tape*, which is closed whatever happens.

    The same source, plan and spec give the same samples. A piece of 16 bit whose loudness is
    left alone comes out bit-exact; dither goes only where 16 bit follow a change.

    Raises:
        ValueError: *source* or *spec* does not fit the tape.
    """
    try:
        _write(source, plan, spec, tape)
    except BaseException as failure:
        tape.close(failure)
        raise
    tape.close()


def limited(measures: Measures, spec: MasterSpec) -> bool:
    """True: the target would have needed more limiting than music bears, the track is quieter."""
    target = spec.loudness_lufs
    return target is not None and measures.loudness_lufs < target - _LIMITED_LU


def _write(source: Source, plan: Plan, spec: MasterSpec, tape: Tape) -> None:
    dithered = plan.gains is not None and spec.bit_depth == BIT_DEPTHS[0]
    dither = Dither(spec.dither_seed) if dithered else None
    tape.foretell(plan.forecast)
    node = 0
    for block in source.blocks():
        if plan.gains is not None:
            cells = -(-len(block) // CELL)
            limiter.apply(block, plan.gains[node : node + cells + 1])
            node += cells
        if dither is not None:
            dither.add(block)
        tape.write(to_integers(block, spec.bit_depth))
