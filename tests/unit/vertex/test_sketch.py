"""The sound: exact format, same bytes everywhere, styles and tempi that a machine can hear."""

import hashlib
import io
import os
import struct
import subprocess
import sys
from functools import lru_cache

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from deploy.local.soundfont import soundfont
from deploy.local.vertex.music.prompts import STYLES
from deploy.local.vertex.music.sketch import sketch
from deploy.local.vertex.music.wav import FRAMES, RATE, pcm

BASE = "Generate {} music: a lantern on the water, {} tempo"
HOP = 480
"""Frames of the onset curve: 10 ms."""
OTHER_PROCESS = """
import hashlib, sys
from deploy.local.soundfont import soundfont
from deploy.local.vertex.music.sketch import sketch
print(hashlib.sha256(sketch(sys.argv[1], "drums", 7, soundfont())).hexdigest())
"""


@lru_cache
def clip(style: str, tempo: str = "moderate", negative: str = "", seed: int = 7) -> bytes:
    return sketch(BASE.format(style, tempo), negative, seed, soundfont())


@lru_cache
def sound(style: str, tempo: str = "moderate") -> NDArray[np.float32]:
    samples, rate = soundfile.read(io.BytesIO(clip(style, tempo)), dtype="float32")
    assert rate == RATE
    heard: NDArray[np.float32] = samples
    return heard


def test_the_bytes_are_the_same_in_every_process() -> None:
    here = hashlib.sha256(clip("classical", negative="drums")).hexdigest()
    command = [sys.executable, "-c", OTHER_PROCESS, BASE.format("classical", "moderate")]
    for hash_seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": "."}
        other = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
        assert other.stdout.strip() == here


def test_seed_prompt_and_negative_prompt_change_the_music() -> None:
    assert clip("electronic") != clip("electronic", seed=8)
    assert clip("electronic") != clip("electronic", "90 BPM")
    assert clip("classical") != clip("classical", negative="drums")


@pytest.mark.parametrize("style", STYLES)
def test_the_file_is_as_long_and_as_shaped_as_lyrias(style: str) -> None:
    file = clip(style)
    assert len(file) == 88 + FRAMES * 4 == 6_291_544
    with soundfile.SoundFile(io.BytesIO(file)) as reader:
        assert (reader.frames, reader.samplerate, reader.channels) == (1_572_864, 48_000, 2)
        assert (reader.format, reader.subtype) == ("WAV", "PCM_16")
        assert reader.software == "motif-sketch"


def test_the_header_is_fmt_then_info_then_data() -> None:
    header = clip("jazz")[:88]
    assert (header[:4], header[8:12]) == (b"RIFF", b"WAVE")
    assert struct.unpack("<I", header[4:8])[0] == 88 + FRAMES * 4 - 8
    assert [header[at : at + 4] for at in (12, 36, 80)] == [b"fmt ", b"LIST", b"data"]
    assert struct.unpack("<I", header[84:])[0] == FRAMES * 4


@pytest.mark.parametrize("style", STYLES)
def test_a_clip_is_loud_enough_never_clipped_and_ends_in_silence(style: str) -> None:
    samples = sound(style)
    assert 0.5 < np.abs(samples).max() < 0.95
    assert 0.05 < np.sqrt((samples**2).mean()) < 0.25
    assert np.abs(samples[-RATE // 20 :]).max() < 0.01
    assert np.abs(samples[: 2 * RATE]).max() > 0.02, "it starts at once"
    seconds = samples[: 32 * RATE].reshape(32, -1)
    assert np.sqrt((seconds[:30] ** 2).mean(axis=1)).min() > 0.005, "no hole"


@pytest.mark.parametrize("style", STYLES)
def test_a_clip_is_stereo(style: str) -> None:
    left, right = sound(style).T
    assert 0.2 < np.corrcoef(left, right)[0, 1] < 0.99


def onsets(samples: NDArray[np.floating]) -> NDArray[np.floating]:
    """How much new energy arrives, per 10 ms, over all frequencies (spectral flux)."""
    mono = samples.mean(axis=1)
    frames = mono[: len(mono) // HOP * HOP].reshape(-1, HOP)
    spectra = np.log1p(100 * np.abs(np.fft.rfft(frames * np.hanning(HOP), axis=1)))
    rises: NDArray[np.floating] = np.maximum(np.diff(spectra, axis=0), 0)
    return np.asarray(rises.sum(axis=1))


def repeats(style: str, tempo: str, bpm: float) -> float:
    """How much the onsets are like themselves one beat later (autocorrelation, -1 to 1)."""
    curve = onsets(sound(style, tempo)[8 * RATE : 28 * RATE])
    curve = (curve - curve.mean()) / curve.std()
    lag = round(60 / bpm * RATE / HOP)
    likeness = [float((curve[at:] * curve[:-at]).mean()) for at in (lag - 1, lag, lag + 1)]
    return max(likeness)


@pytest.mark.parametrize(
    ("style", "slow", "fast"),
    [("rock", ("slow", 84), ("fast", 152)), ("electronic", ("90 BPM", 90), ("130 BPM", 130))],
)
def test_the_tempo_is_heard(style: str, slow: tuple[str, float], fast: tuple[str, float]) -> None:
    """Each clip repeats at its own beat (words: within 3 either way), not at the other's."""
    for (tempo, bpm), (_, other) in ((slow, fast), (fast, slow)):
        near = range(-3, 4) if "BPM" not in tempo else (0,)
        own = max(repeats(style, tempo, bpm + k) for k in near)
        others = max(repeats(style, tempo, other + k) for k in near)
        assert own > 0.3
        assert own > 1.5 * others


def brightness(style: str) -> float:
    spectrum = np.abs(np.fft.rfft(sound(style)[:, 0])) ** 2
    frequencies = np.fft.rfftfreq(FRAMES, 1 / RATE)
    return float((spectrum * frequencies).sum() / spectrum.sum())


def percussiveness(style: str) -> float:
    curve = onsets(sound(style)[8 * RATE : 28 * RATE])
    return float(np.percentile(curve, 98) / np.median(curve))


def test_the_styles_can_be_told_apart() -> None:
    drums = {style: percussiveness(style) for style in STYLES}
    assert min(drums[s] for s in ("rock", "electronic", "jazz", "instrumental")) > max(
        drums[s] for s in ("ambient", "classical")
    )
    assert brightness("rock") > brightness("ambient")


def test_without_drums_there_are_none() -> None:
    def attacks(negative: str) -> float:
        samples = pcm(clip("electronic", negative=negative)).astype(np.float32) / 32768
        return float(np.percentile(onsets(samples[8 * RATE : 28 * RATE]), 99))

    assert attacks("drums, percussion") < 0.8 * attacks("")
