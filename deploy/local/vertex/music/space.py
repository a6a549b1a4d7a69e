"""The room and the desk: reverberation, echo, ducking, and the way to 16 bits without clipping.

All of it works in place or block by block: a clip takes 12.6 MB as 32-bit floats.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from deploy.local.vertex.music.wav import RATE

Audio = NDArray[np.float32]
Number = TypeVar("Number", np.float32, np.int16)

_BLOCK: Final = 1 << 18
_PREDELAY_SECONDS: Final = 0.018
_BANDS: Final = ((150, 700, 1.0), (700, 3500, 0.9), (3500, 9000, 0.5))
"""Lower and upper edge in Hz and share of the decay: high notes die away sooner."""
_DECAY_NEPERS: Final = 6.9
_REVERB_SEED: Final = 7

_KNEE: Final = 0.6
_CEILING: Final = 0.92
_LONGEST_OVERSHOOT: Final = 2.5
_RINGING_SECONDS: Final = 1.0
_GATE: Final = 0.1


def add_reverb(mix: Audio, send: Audio, decay: float) -> None:
    """Add the room's answer to `send` (mono) to `mix`, by FFT convolution, overlap-add.

    `decay` is the time in seconds in which a low note dies away by 60 dB.
    """
    spectra, length = _room(decay)
    step = _BLOCK - length + 1
    for start in range(0, len(send), step):
        block = np.fft.rfft(send[start : start + step], _BLOCK)
        for side, spectrum in enumerate(spectra):
            tail = np.fft.irfft(block * spectrum, _BLOCK)
            room = mix[start : start + _BLOCK, side]
            room += tail[: len(room)]


@lru_cache(maxsize=8)
def _room(decay: float) -> tuple[NDArray[np.complex64], int]:
    """Spectra of noise that dies away, another on each side, and its length in frames."""
    dice = np.random.Generator(np.random.PCG64(_REVERB_SEED))
    length = round(decay * 0.8 * RATE)
    noise = dice.standard_normal((2, length), dtype=np.float32)
    times = np.arange(length) / RATE
    frequencies = np.fft.rfftfreq(length, 1 / RATE)
    spectrum = np.fft.rfft(noise)
    tail = np.zeros((2, length))
    for low, high, share in _BANDS:
        band = np.fft.irfft(spectrum * ((frequencies >= low) & (frequencies < high)), length)
        tail += band * np.exp(-_DECAY_NEPERS * times / (decay * share))
    tail /= np.sqrt((tail**2).sum(axis=1, keepdims=True))
    late = np.pad(tail, ((0, 0), (round(_PREDELAY_SECONDS * RATE), 0))).astype(np.float32)
    return np.fft.rfft(late, _BLOCK).astype(np.complex64), late.shape[1]


def add_echo(sound: Audio, seconds: float, feedback: float) -> None:
    """Repeat a sound every `seconds`, softer each time and on the other side."""
    late = round(seconds * RATE)
    for start in range(late, len(sound), late):
        part = sound[start : start + late]
        part += np.float32(feedback) * sound[start - late : start - late + len(part), ::-1]


def duck(sound: Audio, kicks: Iterable[float], depth: float, seconds: float) -> None:
    """Turn a sound down at each kick (seconds) and let it come back within `seconds`."""
    gain = np.ones(len(sound), np.float32)
    ramp = np.linspace(0, 1, round(seconds * RATE), dtype=np.float32)
    dip = 1 - np.float32(depth) * (1 - ramp * ramp * (3 - 2 * ramp))
    for kick in kicks:
        start = round(kick * RATE)
        part = gain[start : start + len(dip)]
        np.minimum(part, dip[: len(part)], out=part)
    sound *= gain[:, None]


def master(mix: Audio, last_chord: float | None, level: float) -> NDArray[np.int16]:
    """Bring a mix to a level (root mean square), round off its peaks; shape (frames, 2).

    From a second after the last chord (in seconds) on it dies away; without one it goes on.
    """
    if last_chord is not None:
        end = mix[round((last_chord + _RINGING_SECONDS) * RATE) :]
        end *= np.square(np.linspace(1, 0, len(end), dtype=np.float32))[:, None]
    peak = max(float(np.abs(block).max()) for block in _blocks(mix))
    gain = np.float32(min(level / _level(mix), _LONGEST_OVERSHOOT / peak))
    out: NDArray[np.int16] = np.empty(mix.shape, np.int16)
    for block, whole in zip(_blocks(mix), _blocks(out), strict=True):
        whole[:] = np.rint(_rounded(block * gain) * 32767)
    return out


def _rounded(loud: Audio) -> Audio:
    """Below the knee as it is, above it towards the ceiling.

    A rational curve: unlike tanh it gives the same bits on every processor.
    """
    size = np.abs(loud)
    over = np.maximum(size - _KNEE, 0) / (_CEILING - _KNEE)
    bent = np.minimum(size, _KNEE) + (_CEILING - _KNEE) * over / (1 + over)
    return np.copysign(bent, loud)


def _level(mix: Audio) -> float:
    """Root mean square of the louder blocks."""
    power = np.array([float(np.square(block).mean()) for block in _blocks(mix)])
    return float(np.sqrt(power[power > power.mean() * _GATE].mean()))


def _blocks(frames: NDArray[Number]) -> Iterator[NDArray[Number]]:
    """Views of 0.34 s each."""
    return (frames[start : start + 16384] for start in range(0, len(frames), 16384))
