"""The table of finished sound: 24 tracks in five formats each, every file judged by ffmpeg.

    python benchmarks/finished.py        (or: make sound)

Each track is made by the generator's own steps, from clips to files, without a bucket. Clips come
from the local composer, by the prompts that the generator writes, or are synthetic and awkward.
What is decoded from each file must have the length, the loudness and the true peak asked for;
where the loudness is to be left alone, it must have the very samples of the joined clips.

A limited track stays below its target, and says so. Its lossy files must then be as loud as those
that ffmpeg's own encoders make of its WAV: of white noise (hits, drums) MP3 and Opus, which end at
20 kHz, lose up to 1 LU.
"""

import hashlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from deploy.local.soundfont import soundfont
from deploy.local.vertex.music.prompts import STYLES
from deploy.local.vertex.music.sketch import sketch
from deploy.local.vertex.music.wav import FRAMES, RATE, SECONDS, wav
from services.generator.audio.pcm import Samples
from services.generator.model import ClipRequest
from shared.messages import TrackRequest
from tests.support import ffmpeg
from tests.support.finished import Finished, Maker, clips, finish, new_track
from tests.unit.generator.audio import material

LU: Final = 0.3
"""How far from its target a track may be that is not limited."""
DBTP: Final = -1.0
METER_LU: Final = 0.1
"""How far what the generator says may be from what ffmpeg hears."""
METER_DB: Final = 0.1
FRAME: Final = {"wav": 1, "flac": 1, "mp3": 1, "ogg": 960, "m4a": 1024}
"""The length must be right within one frame of the format; samples are the frames of three."""
ENCODER: Final = {"mp3": ("libmp3lame", "mp3"), "ogg": ("libopus", "ogg"), "m4a": ("aac", "adts")}
"""Of ffmpeg, and the form of the file."""
GROUPS: Final = (("wav", "flac"), ("mp3", "ogg", "m4a"))
SYNTHETIC: Final[Mapping[str, Callable[[float], Samples]]] = {
    "hits": material.hits,
    "drums": material.drums,
    "kicks": material.kicks,
    "pink noise": material.pink,
    "DC offset": material.offset,
    "quiet sine": partial(material.sine, dbfs=-46.0),
}


@dataclass(frozen=True)
class Case:
    """What is asked for; a target of None leaves the loudness alone."""

    seconds: float
    material: str
    target: float | None
    bit_depth: int = 16

    @property
    def frames(self) -> int:
        """The exact length."""
        return round(self.seconds * RATE)


CASES: Final = (
    Case(1, "rock", -14),
    Case(1, "hits", -9),
    Case(1, "quiet sine", -23, 24),
    Case(7.3, "jazz", -23),
    Case(7.3, "electronic", -9),
    Case(7.3, "pink noise", None),
    Case(32.768, "ambient", -14),
    Case(32.768, "rock", None, 24),
    Case(32.768, "drums", -9),
    Case(33, "classical", -23),
    Case(33, "electronic", None),
    Case(33, "kicks", -14),
    Case(61.7, "instrumental", -9),
    Case(61.7, "jazz", None),
    Case(61.7, "DC offset", -14, 24),
    Case(120, "ambient", -23),
    Case(120, "classical", -9),
    Case(120, "instrumental", None),
    Case(299.999, "rock", -9, 24),
    Case(299.999, "jazz", -14),
    Case(299.999, "pink noise", -23),
    Case(300, "electronic", -14),
    Case(300, "ambient", None),
    Case(300, "hits", -23),
)


@dataclass(frozen=True)
class Judged:
    """One file as ffmpeg decodes and hears it."""

    frames_off: int
    lufs: float
    dbtp: float
    samples: str
    """Their checksum."""


def main() -> None:
    """Print the table; exit with 1 when a limit is not kept."""
    began = time.monotonic()
    print(f"{'s':>8} {'material':12} {'bit':>3} {'target':>6}  ", end="")
    print(f"{'files':11} {'frames off':>10} {'LUFS':>20} {'dBTP':>20}  verdict (limits)")
    with tempfile.TemporaryDirectory() as folder:
        broken = [fault for case in CASES for fault in _row(case, Path(folder))]
    print(f"\n{len(CASES)} tracks, {len(CASES) * len(FRAME)} files, ", end="")
    print(f"{len(broken)} limits not kept, {time.monotonic() - began:.0f} s")
    sys.exit(bool(broken))


def _row(case: Case, folder: Path) -> list[str]:
    request = TrackRequest(
        prompt="a lantern on the water",
        style=case.material if case.material in STYLES else STYLES[0],
        duration_seconds=case.seconds,
        seed=1,
        formats=tuple(FRAME),
        bit_depth=case.bit_depth,
        loudness_lufs=() if case.target is None else (case.target,),
    )
    track = new_track(request)
    done = finish(track, clips(track, _maker(case, folder)))
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda name: _judged(case, done.files[name]), FRAME)
        judged = dict(zip(FRAME, found, strict=True))
    faults = [*_length_faults(judged), *_level_faults(case, done, judged)]
    faults += _sample_faults(case, done, judged)
    _show(case, done, judged, faults)
    return faults


def _maker(case: Case, folder: Path) -> Maker:
    """Clips of the composer are kept in *folder*: tracks of one style share some."""

    def composed(ask: ClipRequest) -> bytes:
        path = folder / hashlib.sha256(repr(ask).encode()).hexdigest()
        if not path.exists():
            path.write_bytes(sketch(ask.prompt, ask.negative_prompt, ask.seed, soundfont()))
        return path.read_bytes()

    def synthetic(ask: ClipRequest) -> bytes:
        wave = np.roll(SYNTHETIC[case.material](SECONDS), ask.seed % FRAMES, axis=0)
        return wav(np.rint(wave * np.iinfo(np.int16).max).astype(np.int16))

    return synthetic if case.material in SYNTHETIC else composed


def _judged(case: Case, data: bytes) -> Judged:
    samples = _decoded(case, data)
    heard = ffmpeg.listen(data)
    return Judged(
        frames_off=len(samples) - case.frames,
        lufs=heard.loudness_lufs,
        dbtp=heard.true_peak_dbtp,
        samples=hashlib.sha256(samples.data).hexdigest(),
    )


def _decoded(case: Case, data: bytes) -> NDArray[np.int32]:
    """Steps of 16 or 24 bits."""
    out = ("-f", "s32le", "-ar", str(RATE), "-ac", "2", "-")
    raw = np.frombuffer(ffmpeg.run("-i", "-", *out, stdin=data).stdout, "<i4")
    return raw.reshape(-1, 2) >> (32 - case.bit_depth)


def _length_faults(judged: Mapping[str, Judged]) -> Iterator[str]:
    for name, one in judged.items():
        if abs(one.frames_off) >= FRAME[name]:
            yield f"{name}: {one.frames_off:+} frames"


def _level_faults(case: Case, track: Finished, judged: Mapping[str, Judged]) -> Iterator[str]:
    said, heard = track.result, judged["wav"]
    if abs(said.loudness_lufs - heard.lufs) > METER_LU:
        yield f"said {said.loudness_lufs:.2f} LUFS"
    if abs(said.true_peak_dbtp - heard.dbtp) > METER_DB:
        yield f"said {said.true_peak_dbtp:.2f} dBTP"
    if case.target is None:
        return
    if said.loudness_limited and heard.lufs > case.target:
        yield "said to be limited"
    for name, one in judged.items():
        aim = _limited_to(track, name) if said.loudness_limited else case.target
        if abs(one.lufs - aim) > LU:
            yield f"{name}: {one.lufs:.2f} LUFS, not {aim:.2f}"
        if one.dbtp > DBTP:
            yield f"{name}: {one.dbtp:.2f} dBTP"


def _limited_to(track: Finished, name: str) -> float:
    """What is said of the track, or what ffmpeg makes of it in the same format and bit rate."""
    if name not in ENCODER:
        return track.result.loudness_lufs
    codec, form = ENCODER[name]
    out = ("-c:a", codec, "-b:a", "256k", "-f", form, "-")
    theirs = ffmpeg.run("-i", "-", *out, stdin=track.files["wav"]).stdout
    return ffmpeg.listen(theirs).loudness_lufs


def _sample_faults(case: Case, track: Finished, judged: Mapping[str, Judged]) -> Iterator[str]:
    if judged["wav"].samples != judged["flac"].samples:
        yield "flac: other samples than wav"
    if case.target is None:
        joined = np.concatenate([*track.sound.source.blocks()])
        steps = np.rint(joined.astype(np.float64) * 2 ** (case.bit_depth - 1))
        if not np.array_equal(_decoded(case, track.files["wav"]), steps):
            yield "wav: other samples than the joined clips"


def _show(case: Case, track: Finished, judged: Mapping[str, Judged], faults: list[str]) -> None:
    target = "null" if case.target is None else f"{case.target:g}"
    head = f"{case.seconds:8g} {case.material:12} {case.bit_depth:3} {target:>6}"
    notes = (_verdict(case, track, faults), _limits(case, track))
    for names, begin, note in zip(GROUPS, (head, ""), notes, strict=True):
        group = [judged[name] for name in names]
        off = " ".join(str(one.frames_off) for one in group)
        lufs = " ".join(f"{one.lufs:.2f}" for one in group)
        dbtp = " ".join(f"{one.dbtp:.2f}" for one in group)
        print(f"{begin:32}  {' '.join(names):11} {off:>10} {lufs:>20} {dbtp:>20}  {note}")
    sys.stdout.flush()


def _verdict(case: Case, track: Finished, faults: list[str]) -> str:
    if faults:
        return "FAIL " + "; ".join(faults)
    if case.target is None:
        return "pass (untouched)"
    return "pass (limited)" if track.result.loudness_limited else "pass"


def _limits(case: Case, track: Finished) -> str:
    if case.target is None:
        return "(the clips' samples in WAV and FLAC)"
    aim = "as ffmpeg's" if track.result.loudness_limited else f"{case.target:g}"
    return f"({aim} ± {LU} LU, <= {DBTP:g} dBTP)"


if __name__ == "__main__":
    main()
