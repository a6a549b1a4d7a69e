"""Mastering and encoding beside ffmpeg: time, memory, temporary files, and whether it is right.

    python benchmarks/mastering.py [FIGURES.json]        (or: make bench)

Both sides take the same WAV file of composed music to -14 LUFS below -1.5 dBTP, and give WAV, FLAC
and MP3 of 256 kbit/s (LAME's quality 7; FLAC at libFLAC's and ffmpeg's default level). They take
turns; medians count. Motif runs warm, as in the service, and as a fresh process that also writes
its files. Every file of both sides is then judged by ffmpeg's ``ebur128``.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import loudnorm
from benchmarks.limits import Limit, show, written
from deploy.local.soundfont import soundfont
from deploy.local.vertex.music.prompts import STYLES
from deploy.local.vertex.music.sketch import sketch
from deploy.local.vertex.music.wav import FRAMES, RATE, pcm, wav
from tests.support.ffmpeg import Heard, listen

ROOT: Final = Path(__file__).parents[1]
ROUNDS: Final = {300: 3, 30: 9}
FORMATS: Final = ("wav", "flac", "mp3")
LUFS: Final = -14.0
DBTP: Final = -1.5
FINISH: Final = ROOT / "benchmarks" / "finish.py"
FIGURES: Final = ROOT / ".local" / "benchmarks" / "mastering.json"
PARTS: Final = (
    "encoders", "joining", "key", "mastering", "measures", "rhythm", "spectrogram", "tape",
    "timeline", "waveform", "wav",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One file finished once."""

    seconds: float
    cpu_seconds: float
    peak_mib: float = 0.0
    """Above the idle process, with the most that lay under TMPDIR."""


@dataclass(frozen=True)
class Race:
    """All about one length."""

    length: int
    mode: str
    """Of the rival's gain: linear or dynamic."""
    runs: Mapping[str, list[Run]]
    heard: Mapping[str, Heard]
    """By file name."""

    def seconds(self, side: str) -> float:
        """The median."""
        return statistics.median(run.seconds for run in self.runs[side])


def main() -> None:
    """Print tables and write the figures; exit with 1 when a limit is not kept."""
    target = Path(sys.argv[1]) if sys.argv[1:] else FIGURES
    with tempfile.TemporaryDirectory() as folder:
        races = [_race(length, Path(folder)) for length in ROUNDS]
    audio, libraries = _import_seconds()
    limits = [*_speed(*races), *_rightness(races), Limit("import, s", audio, "<=", 0.4)]
    for race in races:
        _show(race)
    print(f"\nimport of the audio part {audio:.3f} s, of its libraries alone {libraries:.3f} s\n")
    show(limits)
    _write(target, races, limits)
    sys.exit(not all(limit.kept for limit in limits))


def _race(length: int, parent: Path) -> Race:
    folder = parent / str(length)
    temporary = folder / "tmp"
    temporary.mkdir(parents=True)
    given = folder / "given.wav"
    given.write_bytes(_music(length))
    rival = partial(loudnorm.normalise, given, folder, lufs=LUFS, dbtp=DBTP)
    with _warm(given, folder, temporary) as warm:
        fresh = partial(_fresh, given, folder)
        sides: Mapping[str, Callable[[], object]] = {
            "Motif": warm,
            "Motif, fresh": fresh,
            "ffmpeg": rival,
        }
        mode = rival()  # the file is in the page cache for everybody
        runs = _rounds(sides, ROUNDS[length])
    names = [f"{side}.{form}" for side in ("motif", "ffmpeg") for form in FORMATS]
    return Race(length, mode, runs, {name: listen(folder / name) for name in names})


def _music(length: int) -> bytes:
    """Clips of all styles, one after the other."""
    count = -(-length * RATE // FRAMES)
    prompts = [f"Generate {STYLES[i % len(STYLES)]} music: a benchmark" for i in range(count)]
    clips = [pcm(sketch(prompt, "", 1, soundfont())) for prompt in prompts]
    return wav(np.concatenate(clips)[: length * RATE])


def _rounds(sides: Mapping[str, Callable[[], object]], count: int) -> Mapping[str, list[Run]]:
    runs: dict[str, list[Run]] = {side: [] for side in sides}
    for _ in range(count):
        for side, act in sides.items():
            cpu, began = _children_seconds(), time.perf_counter()
            done = act()
            took = Run(time.perf_counter() - began, _children_seconds() - cpu)
            runs[side].append(done if isinstance(done, Run) else took)
    return runs


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _fresh(given: Path, folder: Path) -> None:
    subprocess.run([sys.executable, FINISH, "once", given, folder], env=_environment(), check=True)


@contextmanager
def _warm(given: Path, folder: Path, temporary: Path) -> Iterator[Callable[[], Run]]:
    """A process that finishes the file each time it is asked."""
    env = _environment() | {"TMPDIR": str(temporary)}
    with subprocess.Popen(
        [sys.executable, FINISH, "serve"],
        env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    ) as process:  # fmt: skip
        assert process.stdin  # noqa: S101 - it is a pipe
        assert process.stdout  # noqa: S101 - this one too
        asked, told = process.stdin, process.stdout
        told.readline()

        def finish() -> Run:
            with _watched(process.pid, temporary) as most:
                asked.write(f"{given}\t{folder}\n")
                run = Run(**json.loads(told.readline()))
            return replace(run, peak_mib=run.peak_mib + max(most) / 2**20)

        yield finish
        asked.close()


def _environment() -> dict[str, str]:
    """As the generator is started."""
    own = {
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_MMAP_THRESHOLD_": str(2**20),
        "MALLOC_TRIM_THRESHOLD_": str(2**23),
        "MALLOC_ARENA_MAX": "2",
    }
    return {**os.environ, **own}


@contextmanager
def _watched(pid: int, folder: Path) -> Iterator[list[int]]:
    """How many bytes lie in *folder*, looked up all the while, deleted open files too."""
    sizes, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            sizes.append(_bytes_below(pid, folder))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield sizes
    finally:
        over.set()
        watcher.join()


def _bytes_below(pid: int, folder: Path) -> int:
    found = {}
    for path in (*folder.rglob("*"), *Path(f"/proc/{pid}/fd").iterdir()):
        try:
            if str(path.readlink() if path.is_symlink() else path).startswith(str(folder)):
                seen = path.stat()
                found[seen.st_ino] = seen.st_size
        except OSError:
            continue  # gone between the look and the question
    return sum(found.values())


def _import_seconds() -> tuple[float, float]:
    """Medians of five fresh processes, in turns: all of the audio part, its libraries alone."""
    modules = ", ".join(f"services.generator.audio.{part}" for part in PARTS)
    names = (modules, "numpy, av, soundfile, lameenc")
    took = [[_import_once(name) for name in names] for _ in range(5)]
    audio, libraries = (statistics.median(each) for each in zip(*took, strict=True))
    return audio, libraries


def _import_once(names: str) -> float:
    code = f"import time; t = time.perf_counter(); import {names}; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=_environment(), cwd=ROOT, capture_output=True, check=True)
    return float(done.stdout)


def _speed(long: Race, short: Race) -> Iterator[Limit]:
    warm = long.seconds("Motif")
    yield Limit("300 s: times faster than ffmpeg", long.seconds("ffmpeg") / warm, ">=", 4)
    yield Limit("300 s: times real time", long.length / warm, ">=", 70)
    peak = max(run.peak_mib for run in long.runs["Motif"])
    yield Limit("300 s: MiB above the idle process", peak, "<=", 200)
    ratio = short.seconds("ffmpeg") / short.seconds("Motif, fresh")
    yield Limit("30 s, fresh process: times faster", ratio, ">=", 2)
    ratio = short.seconds("ffmpeg") / short.seconds("Motif")
    yield Limit("30 s, in process: times faster", ratio, ">=", 3)


def _rightness(races: list[Race]) -> Iterator[Limit]:
    ours = [h for race in races for name, h in race.heard.items() if name.startswith("motif")]
    off = max(abs(heard.loudness_lufs - LUFS) for heard in ours)
    yield Limit("all files: LU off the target", off, "<=", 0.3)
    yield Limit("all files: dBTP", max(heard.true_peak_dbtp for heard in ours), "<=", -1.0)


def _show(race: Race) -> None:
    print(f"\n{race.length} s to {', '.join(FORMATS)}    wall s     CPU s   x real time")
    for side, runs in race.runs.items():
        cpu = statistics.median(run.cpu_seconds for run in runs)
        wall = race.seconds(side)
        note = f"   ({race.mode})" if side == "ffmpeg" else ""
        print(f"  {side:24}{wall:9.2f} {cpu:9.2f} {race.length / wall:11.0f}{note}")
    print("  judged by ebur128           LUFS      dBTP   LRA")
    for name, heard in race.heard.items():
        loudness, peak = heard.loudness_lufs, heard.true_peak_dbtp
        print(f"  {name:24}{loudness:8.2f} {peak:9.2f} {heard.range_lu:5.1f}")


def _write(target: Path, races: list[Race], limits: list[Limit]) -> None:
    figures: dict[str, Any] = {
        "ffmpeg": loudnorm.version(),
        "cpus": os.cpu_count(),
        "races": [asdict(race) for race in races],
        "limits": written(limits),
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
