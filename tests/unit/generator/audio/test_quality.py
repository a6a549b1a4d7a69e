import numpy as np
import pytest

from services.generator.audio.pcm import RATE, Pcm16, Samples, blocks, quantise
from services.generator.audio.wav import judge
from shared.errors import Code
from tests.unit.generator.audio import material, riff


def _judge(wave: Samples) -> Code | None:
    return judge(riff.wav(quantise(blocks(wave), len(wave))))


@pytest.mark.parametrize("name", ["sine", "pink", "bursts", "hits", "offset", "between"])
def test_music_passes(name: str) -> None:
    assert _judge(material.MATERIAL[name](2.0)) is None


@pytest.mark.parametrize(("dbfs", "code"), [(-49.0, None), (-51.0, Code.AUDIO_SILENT)])
def test_a_peak_below_50_dbfs_is_silence(dbfs: float, code: Code | None) -> None:
    assert _judge(material.sine(1.0, dbfs=dbfs)) == code


@pytest.mark.parametrize(("dbfs", "code"), [(-38.0, None), (-42.0, Code.AUDIO_SILENT)])
def test_a_single_short_tone_is_silence_by_its_power(dbfs: float, code: Code | None) -> None:
    wave = np.zeros((RATE, 2), np.float32)
    wave[: RATE // 50] = material.sine(0.02, dbfs=dbfs)
    assert _judge(wave) == code


def test_digital_silence_is_silent() -> None:
    assert _judge(np.zeros((RATE, 2), np.float32)) is Code.AUDIO_SILENT


def test_a_crushed_clip_is_clipped() -> None:
    assert _judge(material.clipped(2.0)) is Code.AUDIO_CLIPPED


def _with_runs(length: int, share: float, level: int = 32767) -> Pcm16:
    """A soft clip with runs of *length* at *level* in one channel, *share* of all samples."""
    pcm = quantise([material.sine(1.0, dbfs=-12)], RATE)
    for start in np.linspace(0, RATE - 50, round(share * pcm.size / length)).astype(int):
        pcm[start : start + length, 0] = level
        pcm[start + length, 0] = 0
    return pcm


@pytest.mark.parametrize(
    ("length", "share", "level", "code"),
    [
        (8, 0.012, 32767, Code.AUDIO_CLIPPED),
        (8, 0.012, -32768, Code.AUDIO_CLIPPED),
        (8, 0.012, -32767, Code.AUDIO_CLIPPED),
        (20, 0.012, 32767, Code.AUDIO_CLIPPED),
        (7, 0.012, 32767, None),
        (8, 0.008, 32767, None),
        (8, 0.012, 32766, None),
    ],
)
def test_only_long_runs_at_full_scale_count(
    length: int, share: float, level: int, code: Code | None
) -> None:
    assert judge(riff.wav(_with_runs(length, share, level))) == code
