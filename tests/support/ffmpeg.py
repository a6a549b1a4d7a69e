"""The ffmpeg program as a judge of sound: independent of what the generator measures with."""

import math
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

RATE = 48_000
TIMEOUT = 120

_METER = "ebur128=peak=true:metadata=1,ametadata=mode=print:file=-"
_WORD = re.compile(r"lavfi\.r128\.(\w+)=(\S+)")
_PEAK = re.compile(r"Peak:\s+(\S+) dBFS")
_ROUNDING_DB = 0.05
_SILENCE_DB = -120.0


@dataclass(frozen=True)
class Heard:
    """What ffmpeg's ebur128 says of a sound."""

    loudness_lufs: float
    true_peak_dbtp: float
    range_lu: float


def run(*args: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostats", "-v", "error", "-y"]
    return subprocess.run(
        [*program, *args], input=stdin, capture_output=True, check=True, timeout=TIMEOUT
    )


def listen(source: Path | bytes) -> Heard:
    """A file of any format, decoded by ffmpeg; from memory it is read as a pipe, without seeks."""
    return _meter(*_input(source))


def measure(pcm: NDArray[np.integer[Any]]) -> Heard:
    """Samples at 48 kHz, shape (frames, 2), 16 or 32 bit."""
    form = f"s{8 * pcm.itemsize}le"
    return _meter(("-f", form, "-ar", str(RATE), "-ac", "2", "-i", "-"), pcm.tobytes())


def decode(source: Path | bytes) -> NDArray[np.int16]:
    """The samples of a file, shape (frames, 2), at 48 kHz and rounded to 16 bit."""
    given, stdin = _input(source)
    raw = run(*given, "-f", "s16le", "-ar", str(RATE), "-ac", "2", "-", stdin=stdin).stdout
    return np.frombuffer(raw, "<i2").reshape(-1, 2)


def _input(source: Path | bytes) -> tuple[tuple[str, str], bytes]:
    return (("-i", "-"), source) if isinstance(source, bytes) else (("-i", str(source)), b"")


def _meter(given: tuple[str, ...], stdin: bytes) -> Heard:
    done = run("-v", "info", *given, "-af", _METER, "-f", "null", "-", stdin=stdin)
    said = {"I": "-70", "LRA": "0", "true_peak": "0"} | dict(_WORD.findall(done.stdout.decode()))
    return Heard(
        loudness_lufs=float(said["I"]),
        true_peak_dbtp=_peak(float(said["true_peak"]), done.stderr.decode()),
        range_lu=float(said["LRA"]),
    )


def _peak(linear: float, summary: str) -> float:
    """The peak of each whole 100 ms, in fine steps; a louder rest, in tenths of a decibel."""
    fine = 20 * math.log10(linear) if linear else _SILENCE_DB
    (coarse,) = map(float, _PEAK.findall(summary))
    return coarse if coarse > fine + _ROUNDING_DB else fine
