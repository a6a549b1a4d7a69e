"""The gate on broken clips, and on sound ones that come near to being broken."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from deploy.local.soundfont import soundfont
from deploy.local.vertex.music.prompts import STYLES
from deploy.local.vertex.music.sketch import sketch
from services.generator.audio.pcm import RATE, Pcm16, Samples
from services.generator.audio.quality import verdict
from services.generator.audio.wav import judge, pcm
from shared.errors import Code
from tests.unit.generator.audio import ffmpeg, material, riff

Wave = NDArray[np.float64]
FULL = 32767


@lru_cache
def _clip(style: str) -> bytes:
    return sketch(f"Generate {style} music: rain on a tin roof, moderate tempo", "", 5, soundfont())


def _music(style: str = "rock") -> Wave:
    """Composed music with its peak at full scale, shape (frames, 2)."""
    wave = pcm(_clip(style)) / FULL
    return np.asarray(wave / np.abs(wave).max())


def _pcm16(wave: Wave | Samples) -> Pcm16:
    return np.rint(wave * FULL).astype(np.int16)


def _driven(decibels: float, top: float = 1.0, style: str = "rock") -> Wave:
    """Music pushed so far beyond full scale and cut off there, then brought down to *top*."""
    return np.clip(_music(style) * 10 ** (decibels / 20), -1, 1) * top


def _noise(dbfs: float, seconds: float = 33.0) -> Wave:
    """White noise of that power."""
    noise = np.random.default_rng(6).standard_normal((round(seconds * RATE), 2))
    return np.asarray(noise * 10 ** (dbfs / 20))


def _gap(begin: float, seconds: float, floor: Wave | None = None) -> Wave:
    """Music that stops at *begin* for *seconds*."""
    wave = _music()
    part = slice(round(begin * RATE), round((begin + seconds) * RATE))
    wave[part] = 0 if floor is None else floor
    return wave


def _gaps(seconds: float) -> Wave:
    """Music that is heard four times, with as many gaps."""
    wave = _music()
    for begin in (1, 9, 17, 25):
        wave[begin * RATE : round((begin + seconds) * RATE)] = 0
    return wave


def _limited(style: str, decibels: float) -> Pcm16:
    """A hot master, made by ffmpeg's own limiter."""
    raw = ("-f", "s16le", "-ar", str(RATE), "-ac", "2")
    chain = f"volume={decibels}dB,alimiter=limit=1:level=false"
    given = _pcm16(_music(style)).tobytes()
    out = ffmpeg.run(*raw, "-i", "-", "-af", chain, *raw, "-", stdin=given).stdout
    return np.frombuffer(out, "<i2").reshape(-1, 2)


@pytest.mark.parametrize("style", STYLES)
def test_composed_music_passes_also_soft_and_mastered_hot(style: str) -> None:
    assert judge(_clip(style)) is None
    assert verdict(_pcm16(_music(style) * 0.01)) is None
    assert verdict(_limited(style, 9)) is None
    assert verdict(_pcm16(_driven(3, style=style))) is None
    assert verdict(_pcm16(np.tanh(8 * _music(style)))) is None


def test_the_hot_masters_are_really_hot() -> None:
    heard = ffmpeg.measure(_limited("rock", 9))
    assert heard.loudness_lufs > -9
    assert heard.true_peak_dbtp > -0.1


@pytest.mark.parametrize("name", ["sine", "pink", "bursts", "hits", "offset", "between"])
def test_awkward_but_sound_material_passes(name: str) -> None:
    wave = material.MATERIAL[name](2.0)
    assert judge(riff.wav(material.pcm16(wave))) is None


@pytest.mark.parametrize("hertz", [20, 30, 41.2, 50, 100, 440, 997])
@pytest.mark.parametrize("dbfs", [0, -12, -24, -32, -46])
def test_pure_tones_have_round_tops(hertz: float, dbfs: float) -> None:
    assert verdict(_pcm16(material.sine(2.0, hertz, dbfs))) is None


def _clicked() -> Wave:
    wave = _noise(-60)
    wave[700_000:700_010] = 0.9
    return wave


def _switched_on() -> Wave:
    """Nothing but an offset that begins after a second."""
    wave = np.full((33 * RATE, 2), 0.3)
    wave[:RATE] = 0
    return wave


SILENCE: dict[str, Callable[[], Wave]] = {
    "digital silence": lambda: np.zeros((33 * RATE, 2)),
    "noise of -60 dB": lambda: _noise(-60),
    "noise of -60 dB with a loud click": _clicked,
    "music 60 dB too soft": lambda: _music() * 1e-3,
    "an offset": lambda: np.full((33 * RATE, 2), 0.3),
    "an offset that is switched on": _switched_on,
    "one frame": lambda: np.full((1, 2), 0.9),
    "a drop-out of 9 s": lambda: _gap(12, 9),
    "a drop-out of 9 s into noise": lambda: _gap(12, 9, _noise(-60, 9)),
    "nothing after 23 s": lambda: _gap(23, 10),
    "nothing before 9 s": lambda: _gap(0, 9),
    "drop-outs over most of it": lambda: _gaps(6.5),
    "nothing on the left": lambda: _music() * np.array([0, 1]),
    "nothing on the right": lambda: _music() * np.array([1, 0]),
    "noise on the right": lambda: (
        _music() * np.array([1, 0]) + _noise(-60, 32.768) * np.array([0, 1])
    ),
}


@pytest.mark.parametrize("name", SILENCE)
def test_silence_of_any_kind_is_silent(name: str) -> None:
    assert verdict(_pcm16(SILENCE[name]())) is Code.AUDIO_SILENT


def _aside(seconds: float) -> Wave:
    """The right-hand player comes in late."""
    wave = _music()
    wave[: round(seconds * RATE), 1] = 0
    return wave


def _stroke() -> Wave:
    """2 s, of which hardly one sounds."""
    at = np.arange(2 * RATE)[:, np.newaxis]
    return np.asarray(np.exp(-at / (0.1 * RATE)) * np.sin(at / 9))


ALIVE: dict[str, Callable[[], Wave]] = {
    "noise of -52 dB": lambda: _noise(-52),
    "a rest of 7.5 s": lambda: _gap(12, 7.5),
    "silence for the last 7.5 s": lambda: _gap(25.268, 7.5),
    "rests over half of it": lambda: _gaps(4),
    "a rest in a wave of one polarity": lambda: np.abs(_gap(12, 7)),
    "an offset under music": lambda: _music() * 0.5 + 0.3,
    "one side alone for 25 s": lambda: _aside(25),
    "one side 30 dB softer": lambda: _music() * np.array([1, 0.03]),
    "a dry stroke every 2 s": lambda: np.tile(_stroke(), (16, 2)),
}


@pytest.mark.parametrize("name", ALIVE)
def test_sparse_music_with_rests_is_not(name: str) -> None:
    assert verdict(_pcm16(ALIVE[name]())) is None


@pytest.mark.parametrize("top", [1.0, 0.9, 0.3])
@pytest.mark.parametrize("decibels", [8, 12, 20, 40])
def test_hard_clipping_is_clipped_at_any_height(decibels: float, top: float) -> None:
    assert verdict(_pcm16(_driven(decibels, top))) is Code.AUDIO_CLIPPED


@pytest.mark.parametrize("style", STYLES)
def test_hard_clipping_is_clipped_in_every_style(style: str) -> None:
    assert verdict(_pcm16(_driven(9, style=style))) is Code.AUDIO_CLIPPED


def _one_side() -> Wave:
    left, right = _driven(12)[:, 0], _music()[:, 1]
    return np.stack([left, right], axis=1)


def _dithered() -> Wave:
    wave = _driven(12, 0.9)
    rng = np.random.default_rng(1)
    noise: Wave = rng.random(wave.shape) - rng.random(wave.shape)
    return wave + noise / FULL


def _overshot() -> Wave:
    wave = _driven(12, 0.9)
    wave[[500_000, 900_000]] = [[0.99, -0.99], [-0.99, 0.99]]
    return wave


CLIPPED: dict[str, Callable[[], Wave]] = {
    "synthetic": lambda: material.clipped(2.0).astype(np.float64),
    "noise": lambda: np.clip(_noise(10, 3), -1, 1),
    "one channel": _one_side,
    "one polarity": lambda: np.minimum(_music() * 4, 1 / 3),
    "dithered afterwards": _dithered,
    "peaks above the tops": _overshot,
    "with an offset": lambda: _driven(12, 0.6) + 0.2,
}


@pytest.mark.parametrize("name", CLIPPED)
def test_hard_clipping_is_seen_in_every_guise(name: str) -> None:
    assert verdict(_pcm16(np.clip(CLIPPED[name](), -1, 1))) is Code.AUDIO_CLIPPED


def _with_tops(length: int, share: float, level: int) -> Pcm16:
    """A soft tone with runs of *length* at *level* in one channel, *share* of its samples."""
    pcm16 = _pcm16(material.sine(2.0, dbfs=-30))
    for start in np.linspace(0, 2 * RATE - 50, round(share * 2 * RATE / length)).astype(int):
        pcm16[start : start + length, 0] = level
        pcm16[start + length, 0] = 0
    return pcm16


@pytest.mark.parametrize("level", [FULL, -FULL - 1, 20_000, -20_000])
@pytest.mark.parametrize(
    ("length", "share", "code"),
    [
        (4, 0.013, Code.AUDIO_CLIPPED),
        (20, 0.013, Code.AUDIO_CLIPPED),
        (3, 0.013, None),
        (4, 0.008, None),
        (20, 0.008, None),
    ],
)
def test_tops_count_from_four_frames_and_a_hundredth_on(
    length: int, share: float, code: Code | None, level: int
) -> None:
    assert verdict(_with_tops(length, share, level)) is code


HEADERS = {
    "44.1 kHz": riff.fmt(rate=44_100),
    "96 kHz": riff.fmt(rate=96_000),
    "mono": riff.fmt(channels=1),
    "24 bit": riff.fmt(bits=24),
}


@pytest.mark.parametrize("name", HEADERS)
def test_music_in_another_format_is_invalid(name: str) -> None:
    data = riff.riff(HEADERS[name], riff.chunk(b"data", _pcm16(_music()).tobytes()))
    assert judge(data) is Code.AUDIO_INVALID


@given(
    arrays(
        np.int16,
        array_shapes(min_dims=1, max_dims=1, max_side=60),
        elements=st.sampled_from([-32768, -32767, -5000, -1, 0, 1, 5000, 32767]),
    )
)
def test_any_samples_have_a_verdict(mono: NDArray[np.int16]) -> None:
    found = verdict(np.stack([mono, mono[::-1]], axis=1))
    assert found in {None, Code.AUDIO_SILENT, Code.AUDIO_CLIPPED}
    if len(np.unique(mono)) == 1:
        assert found is Code.AUDIO_SILENT
