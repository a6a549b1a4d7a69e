"""The judge itself: what it must not miss."""

import io

import numpy as np
import pytest
import soundfile

from services.generator.audio.pcm import RATE
from tests.unit.generator.audio import ffmpeg, material, riff


@pytest.mark.parametrize("tail", [100, 2_400, 4_700, 4_800])
def test_a_peak_in_the_last_tenth_of_a_second_is_heard(tail: int) -> None:
    pcm = np.rint(material.sine(2.05, 440, -20) * 32767).astype(np.int16)
    pcm[-tail] = 30_000
    assert ffmpeg.measure(pcm).true_peak_dbtp == pytest.approx(-0.77, abs=0.06)


@pytest.mark.parametrize("form", ["WAV", "FLAC"])
def test_a_file_is_heard_as_its_samples_are(form: str) -> None:
    wave = material.bursts(2.0)
    file = io.BytesIO()
    soundfile.write(file, wave, RATE, format=form, subtype="PCM_16")
    pcm = soundfile.read(io.BytesIO(file.getvalue()), dtype="int16")[0]
    assert np.array_equal(ffmpeg.decode(file.getvalue()), pcm)
    assert ffmpeg.listen(file.getvalue()) == ffmpeg.measure(pcm)


def test_24_bits_are_measured_as_16_are() -> None:
    pcm = np.rint(material.pink(1.0) * 32767).astype(np.int16)
    assert ffmpeg.measure(pcm.astype(np.int32) << 16) == ffmpeg.measure(pcm)


@pytest.mark.parametrize("frames", [1, 4_799, 19_199])
def test_what_is_shorter_than_400_ms_has_no_loudness(frames: int) -> None:
    heard = ffmpeg.listen(riff.wav(np.full((frames, 2), 8_000, np.int16)))
    assert heard.loudness_lufs == -70
    assert heard.range_lu == 0


def test_silence_is_minus_120_db() -> None:
    assert ffmpeg.measure(np.zeros((RATE, 2), np.int16)).true_peak_dbtp == -120
