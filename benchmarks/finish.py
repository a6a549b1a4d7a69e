"""Motif's side of ``benchmarks/mastering.py``: one WAV in, WAV, FLAC and MP3 out, all in memory.

    python benchmarks/finish.py once IN.wav FOLDER    a fresh process that finishes one file
    python benchmarks/finish.py serve                 the same for each line "IN.wav<tab>FOLDER"

It is joined, mastered, measured and encoded as ``services/generator/finishing.py`` does it, with
one thread for each file, while the tape is written. FOLDER gets the files after the clock stops.
"""

import gc
import json
import shutil
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Final

sys.path.insert(0, str(Path(__file__).parents[1]))
gc.disable()  # looking for garbage among what is being imported takes a tenth of the start

from services.generator.audio.encoders import ENCODERS, Tags, wav_head
from services.generator.audio.joining import Joined
from services.generator.audio.mastering import MasterSpec, render, solve
from services.generator.audio.measures import measure
from services.generator.audio.tape import Tape
from services.generator.audio.timeline import Segment, Timeline
from services.generator.audio.wav import pcm

FORMATS: Final = ("wav", "flac", "mp3")
TAGS: Final = Tags("Benchmark", "motif-sketch", "AI-generated")
SPEC: Final = MasterSpec(loudness_lufs=-14.0, ceiling_dbtp=-1.5)
"""As for any track with a lossy format."""


def main() -> None:
    """Do as the arguments say."""
    gc.freeze()
    gc.enable()
    if sys.argv[1] == "once":
        _once(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        _serve()


def finish(data: bytes) -> tuple[Tape, Mapping[str, BinaryIO]]:
    """The tape, which the caller releases, and the files."""
    wave = pcm(data)
    frames = len(wave)
    source = Joined([wave], Timeline(frames, (Segment(0, 0, frames, 0),), 0))
    plan = solve(source, SPEC)
    tape = Tape(frames, SPEC.bit_depth, wav_head(frames, SPEC.bit_depth, TAGS))
    with ThreadPoolExecutor(len(FORMATS) + 1) as pool:
        files = {name: pool.submit(ENCODERS[name].encode, tape, TAGS) for name in FORMATS}
        measures = pool.submit(measure, tape)
        render(source, plan, SPEC, tape)
    measures.result()
    return tape, {name: file.result() for name, file in files.items()}


def _once(given: Path, folder: Path) -> None:
    tape, files = finish(given.read_bytes())
    _write(files, folder)
    tape.release()


def _serve() -> None:
    idle = _status("VmRSS")
    print("ready", flush=True)
    for line in sys.stdin:
        given, folder = map(Path, line.rstrip("\n").split("\t"))
        print(json.dumps(_timed(given, folder, idle)), flush=True)


def _timed(given: Path, folder: Path, idle: float) -> dict[str, float]:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # VmHWM begins anew
    cpu, began = time.process_time(), time.perf_counter()
    tape, files = finish(given.read_bytes())
    seconds = time.perf_counter() - began
    figures = {
        "seconds": seconds,
        "cpu_seconds": time.process_time() - cpu,
        "peak_mib": _status("VmHWM") - idle,
    }
    _write(files, folder)
    tape.release()
    return figures


def _write(files: Mapping[str, BinaryIO], folder: Path) -> None:
    for name, file in files.items():
        with (folder / f"motif.{name}").open("wb") as target:
            shutil.copyfileobj(file, target)


def _status(name: str) -> float:
    """A line of /proc/self/status, in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    line = next(line for line in lines if line.startswith(name))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
