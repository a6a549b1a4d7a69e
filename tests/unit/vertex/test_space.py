"""Room, echo, ducking and the last step to 16 bits."""

import numpy as np
import pytest
from numpy.typing import NDArray

from deploy.local.vertex.music.space import add_echo, add_reverb, duck, master
from deploy.local.vertex.music.wav import RATE


def silence(seconds: float = 4) -> NDArray[np.float32]:
    return np.zeros((round(seconds * RATE), 2), np.float32)


def test_a_click_rings_and_dies_away_in_the_time_asked_for() -> None:
    mix = silence()
    click = np.zeros(len(mix), np.float32)
    click[0] = 1
    add_reverb(mix, click, decay=2.0)
    power = (mix[: 2 * RATE].reshape(8, -1) ** 2).sum(axis=1)
    assert np.abs(mix[: RATE // 100]).max() < 1e-6, "the walls are some metres away"
    fall = 10 * np.log10(power[1] / power[5])
    assert 24 < fall < 40, "a second is half of 60 dB"
    assert abs(np.corrcoef(*mix[:RATE].T)[0, 1]) < 0.1, "each side has its own echoes"


def test_long_sounds_are_convolved_without_seams() -> None:
    whole, halves = silence(12), silence(12)
    send = np.random.default_rng(3).standard_normal(len(whole)).astype(np.float32)
    first, second = send.copy(), send.copy()
    cut = 7 * RATE
    first[cut:], second[:cut] = 0, 0
    add_reverb(whole, send, 1.3)
    add_reverb(halves, first, 1.3)
    add_reverb(halves, second, 1.3)
    np.testing.assert_allclose(whole, halves, atol=1e-4)


def test_an_echo_changes_sides_and_gets_softer() -> None:
    sound = silence(1)
    sound[0, 0] = 1
    add_echo(sound, 0.25, 0.5)
    quarter = RATE // 4
    heard = [(int(at) // quarter, int(side)) for at, side in np.argwhere(sound)]
    assert heard == [(0, 0), (1, 1), (2, 0), (3, 1)]
    np.testing.assert_allclose(sound[sound > 0].tolist(), [1, 0.5, 0.25, 0.125])


def test_ducking_dips_at_the_kick_and_comes_back() -> None:
    sound = silence(2) + 1
    duck(sound, [1.0], depth=0.6, seconds=0.3)
    at = [sound[round(t * RATE), 0] for t in (0.99, 1.0, 1.15, 1.35)]
    np.testing.assert_allclose(at, [1, 0.4, 0.7, 1], atol=0.01)


def test_mastering_rounds_peaks_off_and_never_clips() -> None:
    mix = silence(8)
    mix[:] = (0.001 * np.sin(np.arange(len(mix)) / 40))[:, None]
    mix[RATE] = 5.0
    out = master(mix, last_chord=6, level=0.15)
    assert out.dtype == np.int16
    assert 0.6 < np.abs(out).max() / 32767 < 0.92
    assert not out[-100:].any()


def test_mastering_brings_soft_and_loud_to_the_same_level() -> None:
    tone = np.sin(np.arange(8 * RATE) / 40).astype(np.float32)
    soft, loud = (master(np.stack([g * tone] * 2, axis=1), 6, 0.15) for g in (0.001, 0.8))
    np.testing.assert_allclose(soft.astype(int), loud.astype(int), atol=1)


def test_without_a_last_chord_the_sound_goes_on_to_the_end() -> None:
    tone = np.sin(np.arange(8 * RATE) / 40).astype(np.float32)
    out = master(np.stack([tone] * 2, axis=1), None, 0.15).astype(np.float64)
    first, last = (np.sqrt((part**2).mean()) for part in (out[:RATE], out[-RATE:]))
    assert last == pytest.approx(first, rel=0.01)
    assert first == pytest.approx(0.15 * 32767, rel=0.05)
