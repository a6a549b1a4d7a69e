from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from services.generator.audio.pcm import RATE, Samples, to_integers
from services.generator.audio.spectrogram import HEIGHT, WIDTH, spectrogram
from services.generator.audio.tape import Tape, UnfinishedTape
from tests.unit.generator.audio import ffmpeg, material, taped


def _picture(wave: Samples, bit_depth: int = 16) -> NDArray[np.int64]:
    """Brightness of each pixel (sum of three colours), the lowest frequency first."""
    png = spectrogram(taped.tape(to_integers(wave.copy(), bit_depth)))
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    raw = ffmpeg.run("-i", "-", "-f", "rawvideo", "-pix_fmt", "rgb24", "-", stdin=png).stdout
    assert (HEIGHT, WIDTH) == (400, 1200)
    colours = np.frombuffer(raw, np.uint8).reshape(400, 1200, 3)[::-1]
    brightness: NDArray[np.int64] = colours.sum(axis=2, dtype=np.int64)
    return brightness


def _row(hertz: float) -> int:
    return int(400 * np.log(hertz / 40) / np.log(20_000 / 40))


@pytest.mark.parametrize("hertz", [60.0, 440.0, 997.0, 15_000.0])
def test_a_tone_is_a_line_at_its_height(hertz: float) -> None:
    picture = _picture(material.sine(3.0, hertz, -6.0))[:, 100:-100]
    assert np.abs(picture.argmax(axis=0) - _row(hertz)).max() <= 8
    away = np.abs(np.arange(400) - _row(hertz)) > 60
    assert picture[away].max() < 0.3 * picture.max(axis=0).min()


@pytest.mark.parametrize("seconds", [1.0, 7.3, 61.7])
def test_a_sound_stands_where_it_is_heard(seconds: float) -> None:
    wave = material.sine(seconds, 1_000.0, -6.0)
    frames = len(wave)
    wave[: frames // 2] = 0
    lit = _picture(wave)[_row(1_000.0)] > 300
    edge = 600 * min(1.0, 0.17 / seconds)
    assert not lit[: int(600 - edge) - 2].any()
    assert lit[int(600 + edge) + 2 : int(1_200 - edge) - 2].all()


def test_louder_is_brighter() -> None:
    levels = [_picture(material.pink(2.0) * np.float32(gain)).mean() for gain in (0.01, 0.1, 1)]
    assert all(quieter + 50 < louder for quieter, louder in pairwise(levels))


def test_octaves_of_equal_power_are_equally_bright() -> None:
    picture = _picture(material.pink(5.0)).mean(axis=1)
    octaves = [picture[_row(low) : _row(2 * low)].mean() for low in (160, 640, 2_560, 8_000)]
    assert max(octaves) - min(octaves) < 0.1 * max(octaves)


def test_both_channels_are_seen_at_either_depth() -> None:
    left, right = material.sine(2.0, 300.0, -6.0), material.sine(2.0, 3_000.0, -6.0)
    left[:, 1], right[:, 0] = 0, 0
    fine = _picture(left + right, 24)
    coarse = _picture(left + right)
    assert np.abs(fine - coarse)[coarse > 300].max() <= 4
    assert (fine[[_row(300.0), _row(3_000.0)], 600] > 300).all()


@pytest.mark.parametrize("frames", [RATE, RATE + 1, 9_601, 32_768 * 48 + 11])
def test_any_length_fills_the_picture(frames: int) -> None:
    noise = np.random.default_rng(1).uniform(-0.3, 0.3, (frames, 2)).astype(np.float32)
    assert (_picture(noise).mean(axis=0) > 200).all()


def test_a_tape_that_fails_has_no_picture() -> None:
    tape = Tape(RATE)
    tape.close(RuntimeError("the writer"))
    with pytest.raises(UnfinishedTape):
        spectrogram(tape)
