"""What is decoded from a lossy file stays under the ceiling; judged by ffmpeg."""

from collections.abc import Mapping
from functools import lru_cache, partial

import numpy as np
import pytest

from services.generator.audio.encoders import ENCODERS, ceiling, libav, mp3
from services.generator.audio.loudness import CELL
from services.generator.audio.pcm import RATE
from services.generator.audio.tape import Tape
from tests.unit.generator.audio import ffmpeg, material, taped

LOSSY = [name for name, encoder in ENCODERS.items() if encoder.lossy]
HOT = ["hits", "drums", "bursts", "clipped", "pink"]
SECONDS = 3.0


@lru_cache
def _hot(name: str) -> Tape:
    return taped.mastered(material.MATERIAL[name](SECONDS), -9.0)


def _judged(name: str, tape: Tape) -> ffmpeg.Verdict:
    return ffmpeg.listen(ENCODERS[name].encode(tape, taped.TAGS).read())


def _unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceiling, "_over", lambda peaks: False)


@pytest.mark.parametrize("sound", HOT)
@pytest.mark.parametrize("name", LOSSY)
def test_decoded_peaks_stay_under_the_ceiling(name: str, sound: str) -> None:
    tape = _hot(sound)
    assert ffmpeg.measure(taped.samples(tape)).true_peak_dbtp <= -1.5
    assert _judged(name, tape).true_peak_dbtp <= -1.0


@pytest.mark.parametrize("name", LOSSY)
def test_without_the_second_look_they_would_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _unguarded(monkeypatch)
    assert max(_judged(name, _hot(sound)).true_peak_dbtp for sound in HOT) > -1.0


@pytest.mark.parametrize("name", LOSSY)
def test_the_places_that_are_turned_down_cost_no_loudness(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = np.array([_judged(name, _hot(sound)).loudness_lufs for sound in HOT])
    _unguarded(monkeypatch)
    lost = np.array([_judged(name, _hot(sound)).loudness_lufs for sound in HOT]) - guarded
    assert lost[HOT.index("hits")] < 0.5  # nothing but peaks
    assert np.delete(lost, HOT.index("hits")).max() < 0.15
    assert lost.max() > 0


@pytest.mark.parametrize("name", LOSSY)
def test_what_is_under_the_ceiling_is_encoded_once(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape = taped.mastered(material.pink(SECONDS), -20.0)
    guarded = ENCODERS[name].encode(tape, taped.TAGS).read()
    _unguarded(monkeypatch)
    assert ENCODERS[name].encode(tape, taped.TAGS).read() == guarded


@pytest.mark.parametrize("name", LOSSY)
def test_a_tape_above_the_ceiling_is_left_as_it_is(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape = taped.tape((material.bursts(1.0) * 120_000).clip(-32_768, 32_767).astype(np.int16))
    guarded = ENCODERS[name].encode(tape, taped.TAGS).read()
    assert ffmpeg.listen(guarded).true_peak_dbtp > -1.0
    _unguarded(monkeypatch)
    assert ENCODERS[name].encode(tape, taped.TAGS).read() == guarded


ATTEMPTS: Mapping[str, ceiling.Attempt] = {
    "mp3": partial(mp3._attempt, b"", RATE),
    "ogg": lambda blocks: libav._attempt(libav._OPUS, Tape(RATE), taped.TAGS, {}, blocks),
    "m4a": lambda blocks: libav._attempt(libav._AAC, Tape(RATE), taped.TAGS, {}, blocks),
}


@pytest.mark.parametrize("name", LOSSY)
def test_a_peak_is_heard_where_it_is_on_the_tape(name: str) -> None:
    pcm = np.zeros((RATE, 2), np.int16)
    pcm[20_016] = 30_000
    peaks = ATTEMPTS[name](taped.tape(pcm).blocks())[1]
    assert len(peaks) >= RATE // CELL
    assert peaks.argmax() == 20_016 // CELL


@pytest.mark.parametrize("name", LOSSY)
def test_only_the_loud_place_is_turned_down(name: str) -> None:
    """A click that overshoots in the middle: a second away nothing has changed."""
    wave = material.sine(3.0, 440.0, -12.0)
    middle = slice(3 * RATE // 2, 3 * RATE // 2 + 240)
    wave[middle] = material.hits(1.0)[:240] * 0.85
    decoded = ffmpeg.decode(
        ENCODERS[name].encode(taped.tape((wave * 32_767).astype(np.int16)), taped.TAGS).read()
    )
    quiet = slice(RATE // 4, RATE)
    before = np.sqrt((wave[quiet].astype(float) ** 2).mean()) * 32_767
    assert np.sqrt((decoded[quiet].astype(float) ** 2).mean()) == pytest.approx(before, rel=0.003)
