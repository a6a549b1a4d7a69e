"""The judge: the ffmpeg program's own EBU R128 meter, on finished integer samples."""

import re
import subprocess
from dataclasses import dataclass

import imageio_ffmpeg
import numpy as np

from services.generator.audio.pcm import RATE, Pcm16

_FILTER = "ebur128=peak=true:metadata=1,ametadata=mode=print:file=-"


@dataclass(frozen=True)
class Verdict:
    loudness_lufs: float
    true_peak_dbtp: float


def run(*args: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostats", "-v", "error"]
    return subprocess.run([*program, *args], input=stdin, capture_output=True, check=True)


def measure(pcm: Pcm16) -> Verdict:
    raw = ("-f", "s16le", "-ar", str(RATE), "-ac", "2", "-i", "-")
    printed = run(*raw, "-af", _FILTER, "-f", "null", "-", stdin=pcm.tobytes()).stdout.decode()
    last = dict(re.findall(r"lavfi\.r128\.(\w+)=(\S+)", printed))
    peak = max(float(last["true_peak"]), 1e-6)
    return Verdict(float(last["I"]), float(20 * np.log10(peak)))
