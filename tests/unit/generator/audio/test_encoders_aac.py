"""The fast coder of AAC cuts into lone drums: those are given to the careful one."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest

from services.generator.audio.encoders import ENCODERS, libav
from services.generator.audio.loudness import Peaks
from services.generator.audio.pcm import RATE, Pcm16, to_float
from services.generator.audio.tape import Tape
from tests.unit.generator.audio import ffmpeg, material, taped

WINDOW = RATE // 10


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The coder of each attempt."""
    coders: list[str] = []
    attempt = libav._attempt

    def noted(codec: libav._Codec, *args: object) -> tuple[BytesIO, Peaks]:
        coders.append(codec.options["aac_coder"])
        return attempt(codec, *args)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(libav, "_attempt", noted)
    return coders


def _decoded(tape: Tape) -> Pcm16:
    return ffmpeg.decode(ENCODERS["m4a"].encode(tape, taped.TAGS).read())


def _most_lost(tape: Tape) -> float:
    """The most that 100 ms of the tape lose, in dB, of those that are heard."""
    given, left = (
        (to_float(pcm)[: 80 * WINDOW].reshape(80, -1).astype(float) ** 2).mean(axis=1)
        for pcm in (taped.samples(tape), _decoded(tape))
    )
    heard = given > 1e-4
    assert heard.sum() >= 40
    return float(10 * np.log10(given[heard] / left[heard]).max())


def _lone_drums() -> Tape:
    """Foretold nothing: so no peak is turned down."""
    return taped.tape(taped.samples(taped.mastered(material.kicks(8.0), -14.0)))


def test_lone_drums_keep_their_level(tried: list[str]) -> None:
    assert _most_lost(_lone_drums()) < 0.1
    assert tried[0] == "fast"
    assert set(tried[1:]) == {"twoloop"}


def test_by_the_fast_coder_they_would_not(
    tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libav, "_AAC", replace(libav._AAC, least_kept=0.0))
    assert _most_lost(_lone_drums()) > 1.0
    assert set(tried) == {"fast"}


def test_lone_bass_notes_do_so_too(tried: list[str]) -> None:
    notes = material.sine(8.0, 55.0, -2.0) * (np.arange(8 * RATE) % RATE < RATE // 2)[:, None]
    assert _most_lost(taped.tape(material.pcm16(notes))) < 0.1
    assert "twoloop" in tried


@pytest.mark.parametrize("bit_depth", [16, 24])
def test_lone_drums_are_found_in_the_midst_of_noise(tried: list[str], bit_depth: int) -> None:
    noise = material.pink(3.0)
    wave = np.concatenate([noise, material.kicks(2.0), noise])
    pcm = material.pcm16(wave) if bit_depth == 16 else material.pcm16(wave).astype(np.int32) << 16
    _decoded(taped.tape(pcm))
    assert tried == ["fast", "twoloop"]


@pytest.mark.parametrize("name", sorted({*material.MATERIAL} - {"kicks"}))
def test_all_else_is_left_to_the_fast_coder(tried: list[str], name: str) -> None:
    _decoded(taped.tape(material.pcm16(material.MATERIAL[name](4.0) * 0.5)))
    assert set(tried) == {"fast"}


def test_so_are_music_and_silence(tried: list[str]) -> None:
    for pcm in (taped.music(4.0), np.zeros((RATE, 2), np.int16)):
        _decoded(taped.tape(pcm))
    assert set(tried) == {"fast"}
