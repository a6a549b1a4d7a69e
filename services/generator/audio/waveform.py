"""Peaks to draw a track from, in the JSON form of BBC audiowaveform's data format, version 2.

One pair of least and greatest value per ``PIXEL`` frames, mono, 8 bit, rounded toward zero as that
program does; the last pixel may stand for fewer frames.
"""

import json
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.generator.audio.pcm import CHANNELS, RATE, Pcm
from services.generator.audio.tape import Tape

PIXEL: Final = 480
"""Frames, a hundredth of a second; a block holds whole pixels."""

_BITS: Final = 8
_KEPT_BITS: Final = 16
"""Of each sample: what is below would change no value."""


def waveform(tape: Tape) -> bytes:
    """The JSON document; reads *tape* while it grows.

    Raises:
        UnfinishedTape: the tape's writer has failed.
    """
    pairs = np.concatenate([_pairs(block) for block in tape.blocks()])
    document = {
        "version": 2,
        "channels": 1,
        "sample_rate": RATE,
        "samples_per_pixel": PIXEL,
        "bits": _BITS,
        "length": len(pairs),
        "data": pairs.reshape(-1).tolist(),
    }
    return json.dumps(document, separators=(",", ":")).encode()


def _pairs(block: Pcm) -> NDArray[np.int8]:
    """Least and greatest of each pixel, shape (pixels, 2)."""
    left, right = (block >> (8 * block.itemsize - _KEPT_BITS)).T
    both = left.astype(np.int32)
    both += right
    pixels = np.pad(both, (0, -len(both) % PIXEL), mode="edge").reshape(-1, PIXEL)
    extremes = np.stack([pixels.min(axis=1), pixels.max(axis=1)], axis=1)
    return np.trunc(extremes / (CHANNELS << _KEPT_BITS - _BITS)).astype(np.int8)
