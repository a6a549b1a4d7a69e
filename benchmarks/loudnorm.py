"""The rival in ``benchmarks/mastering.py``: ffmpeg's two-pass ``loudnorm`` and its encoders.

One process measures, one applies what was measured and writes all files: that is as few as it can
do with. `LRA` is left as wide as it goes, so that the range of the music is no reason for the
filter to turn from a static gain (linear) to one that rides the music (dynamic); its peaks may be
one. Samples become 16 bit once, without dither, before they part for the encoders.
"""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import imageio_ffmpeg

_TARGET: Final = "I={}:TP={}:LRA=50:print_format=json"
_OUTPUTS: Final = {
    "wav": ("-c:a", "pcm_s16le"),
    "flac": ("-c:a", "flac"),
    "mp3": ("-c:a", "libmp3lame", "-b:a", "256k", "-compression_level", "7"),
}


def normalise(given: Path, folder: Path, *, lufs: float, dbtp: float) -> str:
    """Write *folder*/ffmpeg.{wav,flac,mp3}; say whether the gain was linear or dynamic."""
    target = _TARGET.format(lufs, dbtp)
    seen = _said("-i", str(given), "-af", f"loudnorm={target}", "-f", "null", "-")
    measured = ":".join(
        f"{option}={seen[value]}"
        for option, value in {
            "measured_I": "input_i",
            "measured_TP": "input_tp",
            "measured_LRA": "input_lra",
            "measured_thresh": "input_thresh",
            "offset": "target_offset",
        }.items()
    )
    back = "aresample=48000,aformat=sample_fmts=s16"
    graph = f"[0:a]loudnorm={target}:{measured}:linear=true,{back},asplit={len(_OUTPUTS)}"
    names = "".join(f"[{name}]" for name in _OUTPUTS)
    done = _said("-y", "-i", str(given), "-filter_complex", graph + names, *_outputs(folder))
    return str(done["normalization_type"])


def version() -> str:
    """Of the program."""
    shown = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-version"], capture_output=True, check=True, text=True
    )
    return shown.stdout.split()[2]


def _outputs(folder: Path) -> list[str]:
    each = (
        ("-map", f"[{name}]", *codec, str(folder / f"ffmpeg.{name}"))
        for name, codec in _OUTPUTS.items()
    )
    return [argument for arguments in each for argument in arguments]


def _said(*arguments: str) -> Mapping[str, Any]:
    """Run the program; the JSON that the filter prints at its end."""
    program = (imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-nostats")
    done = subprocess.run([*program, *arguments], capture_output=True, check=True, text=True)
    found: Mapping[str, Any] = json.loads(
        done.stderr[done.stderr.rindex("{") :].split("}")[0] + "}"
    )
    return found
