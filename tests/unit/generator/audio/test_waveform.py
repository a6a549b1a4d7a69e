import json
from typing import Any

import numpy as np
import pytest

from services.generator.audio.pcm import BLOCK, Pcm
from services.generator.audio.tape import Tape, UnfinishedTape
from services.generator.audio.waveform import waveform
from tests.unit.generator.audio import taped


def _read(pcm: Pcm) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(waveform(taped.tape(pcm)))
    return read


def _expected(pcm: Pcm) -> list[int]:
    """One sample after the other, in whole numbers that are cut as C cuts them."""
    bits = 8 * pcm.itemsize - 16
    values = []
    for start in range(0, len(pcm), 480):
        mono = [
            int((int(left >> bits) + int(right >> bits)) / 2)
            for left, right in pcm[start : start + 480]
        ]
        values += [int(min(mono) / 256), int(max(mono) / 256)]
    return values


@pytest.mark.parametrize("frames", [480, 481, BLOCK, BLOCK + 479, 2 * BLOCK + 1])
@pytest.mark.parametrize("bit_depth", [16, 24])
def test_each_pixel_holds_the_extremes_of_its_480_frames(frames: int, bit_depth: int) -> None:
    rng = np.random.default_rng(frames)
    swell = np.linspace(0, 1, frames)[:, np.newaxis]
    noise = rng.uniform(-1, 1, (frames, 2)) * swell * (2 ** (bit_depth - 1) - 1)
    pcm = noise.astype(np.int16) if bit_depth == 16 else noise.astype(np.int32) << 8
    assert _read(pcm)["data"] == _expected(pcm)


def test_the_document_says_how_it_is_to_be_read() -> None:
    document = _read(np.zeros((1_000, 2), np.int16))
    assert document.pop("data") == [0] * 6
    assert document == {
        "version": 2,
        "channels": 1,
        "sample_rate": 48_000,
        "samples_per_pixel": 480,
        "bits": 8,
        "length": 3,
    }


def test_full_scale_fits_into_eight_bits() -> None:
    pcm = np.full((960, 2), -32_768, np.int16)
    pcm[480:] = 32_767
    assert _read(pcm)["data"] == [-128, -128, 127, 127]


def test_a_tape_that_fails_has_no_waveform() -> None:
    tape = Tape(48_000)
    tape.close(RuntimeError("the writer"))
    with pytest.raises(UnfinishedTape):
        waveform(tape)
