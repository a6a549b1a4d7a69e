"""The ffmpeg binary as a judge of sound: independent of what the generator measures with."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg


@dataclass(frozen=True)
class Heard:
    """What ffmpeg's ebur128 says of one file."""

    loudness_lufs: float
    true_peak_dbtp: float


def listen(path: Path) -> Heard:
    text = _run("-i", str(path), "-af", "ebur128=peak=true", "-f", "null", "-")
    summary = text[text.rindex("Summary:") :]
    loudness = re.search(r"I:\s+(-?[\d.]+) LUFS", summary)
    peak = re.search(r"Peak:\s+(-?[\d.]+) dBFS", summary)
    assert loudness, summary
    assert peak, summary
    return Heard(float(loudness[1]), float(peak[1]))


def _run(*arguments: str) -> str:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-y", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr[-1000:]
    return done.stderr
