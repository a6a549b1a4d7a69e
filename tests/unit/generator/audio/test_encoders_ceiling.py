"""What is decoded from a lossy file stays under the ceiling; judged by ffmpeg."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from io import BytesIO

import numpy as np
import pytest

from services.generator.audio.encoders import ENCODERS, ceiling, libav, mp3
from services.generator.audio.loudness import CELL, Peaks, cell_peaks
from services.generator.audio.mastering import MasterSpec, render, solve
from services.generator.audio.pcm import RATE, Pcm, to_float
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
def test_without_a_further_try_they_would_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _unguarded(monkeypatch)
    assert max(_judged(name, _hot(sound)).true_peak_dbtp for sound in HOT) > -1.0


@pytest.mark.parametrize("name", LOSSY)
def test_the_places_that_are_turned_down_cost_no_loudness(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = np.array([_judged(name, _hot(sound)).loudness_lufs for sound in HOT])
    _unguarded(monkeypatch)
    plain = [taped.tape(taped.samples(_hot(sound))) for sound in HOT]
    lost = np.array([_judged(name, tape).loudness_lufs for tape in plain]) - guarded
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


class _Listener:
    """An encoder that keeps what it is given, and hears the peaks that it is told to."""

    def __init__(self, *heard: Peaks) -> None:
        self.fed: list[Pcm] = []
        self._heard = iter(heard)

    def __call__(self, blocks: Iterable[Pcm]) -> tuple[BytesIO, Peaks]:
        self.fed.append(np.concatenate(list(blocks)))
        return BytesIO(bytes([len(self.fed)])), next(self._heard)


def _quiet(cells: int) -> Peaks:
    return np.full(cells, -20.0)


def _loud(cells: int, at: int, peak: float = -0.5) -> Peaks:
    return np.where(np.arange(cells) == at, peak, -20.0)


def _peaks(pcm: Pcm) -> Peaks:
    return cell_peaks([to_float(pcm)])


def _bursts(target: float, *, loop: bool = False) -> Tape:
    """Three seconds, its last cell a short one."""
    piece = material.Piece(material.bursts(SECONDS)[: 3 * RATE - 13])
    spec = MasterSpec(target, -1.5, loop=loop)
    made = Tape(piece.frames)
    render(piece, solve(piece, spec), spec, made)
    return made


@pytest.mark.parametrize("bit_depth", [16, 24])
def test_peaks_that_are_known_are_turned_down_before_the_first_try(bit_depth: int) -> None:
    wave = material.sine(SECONDS, 440.0, -15.0)
    wave[RATE : RATE + 240] = material.hits(1.0)[4_800:5_040]
    piece, spec = material.Piece(wave), MasterSpec(-14.0, -1.5, bit_depth=bit_depth)
    tape = Tape(piece.frames, bit_depth)
    render(piece, solve(piece, spec), spec, tape)
    listener = _Listener(_quiet(4_500))
    assert ceiling.below_ceiling(tape, listener).read() == b"\1"
    (fed,), given = listener.fed, taped.samples(tape)
    assert _peaks(given).max() > -1.6
    assert -2.6 < _peaks(fed).max() <= -2.39
    assert fed.dtype == given.dtype
    changed = np.flatnonzero((fed != given).any(axis=1))
    assert 0 < len(changed) < 0.1 * len(given)
    assert (np.abs(fed.astype(float)) <= np.abs(given.astype(float)) + 1).all()


def test_what_is_pressed_against_the_ceiling_is_turned_down_less() -> None:
    tape = _bursts(-9.0)
    listener = _Listener(_quiet(4_500))
    ceiling.below_ceiling(tape, listener)
    heard = [ffmpeg.measure(pcm) for pcm in (taped.samples(tape), listener.fed[0])]
    assert -2.3 < heard[1].true_peak_dbtp < -1.6
    assert 0.02 < heard[0].loudness_lufs - heard[1].loudness_lufs < 0.12


def test_what_is_not_over_is_not_touched() -> None:
    tape = taped.mastered(material.pink(SECONDS), -20.0)
    listener = _Listener(_quiet(4_500))
    ceiling.below_ceiling(tape, listener)
    assert np.array_equal(listener.fed[0], taped.samples(tape))


def test_a_tape_that_nothing_is_known_of_is_heard_as_it_is() -> None:
    tape = taped.tape(taped.samples(_hot("bursts")))
    listener = _Listener(_quiet(4_500))
    ceiling.below_ceiling(tape, listener)
    assert np.array_equal(listener.fed[0], taped.samples(tape))


def test_each_further_try_turns_what_was_over_down_further() -> None:
    tape = _bursts(-14.0)
    cell = 2_250
    listener = _Listener(*[_loud(4_500, cell)] * 4)
    assert ceiling.below_ceiling(tape, listener).read() == b"\4"
    levels = [np.abs(fed[cell * CELL : (cell + 1) * CELL].astype(float)).mean()
              for fed in listener.fed]  # fmt: skip
    steps = 20 * np.log10(np.divide(levels[:-1], levels[1:]))
    assert steps == pytest.approx([0.86, 1.51, 2.51], abs=0.05)
    far = slice(0, (cell - 300) * CELL)
    assert all(np.array_equal(fed[far], listener.fed[0][far]) for fed in listener.fed)


def test_the_first_try_that_is_not_over_is_the_last() -> None:
    listener = _Listener(_loud(4_500, 7), _loud(4_500, 7, -1.02))
    assert ceiling.below_ceiling(_bursts(-14.0), listener).read() == b"\2"


@pytest.mark.parametrize("cells", [4_400, 4_536])
def test_a_codec_may_put_out_less_or_more_than_the_tape(cells: int) -> None:
    listener = _Listener(_loud(cells, 4_399), _quiet(cells))
    assert ceiling.below_ceiling(_bursts(-14.0), listener).read() == b"\2"
    assert len(listener.fed[1]) == len(listener.fed[0])


@pytest.mark.parametrize("loop", [True, False])
def test_a_loop_is_turned_down_so_that_its_end_runs_into_its_start(loop: bool) -> None:
    wave = material.bursts(SECONDS)[RATE // 3 :][: 2 * RATE + 17]
    wave[-1_000] = 1.0
    spec = MasterSpec(-14.0, -1.5, bit_depth=24, loop=loop)
    piece, tape = material.Piece(wave), Tape(len(wave), 24)
    render(piece, solve(piece, spec), spec, tape)
    listener = _Listener(_loud(3_001, 2_960), _quiet(3_001))
    ceiling.below_ceiling(tape, listener)
    given = taped.samples(tape)
    for fed in listener.fed:
        gain = 20 * np.log10((fed[[0, -1], 0] / given[[0, -1], 0]).astype(float))
        assert gain.min() < -0.1
        assert (abs(gain[0] - gain[1]) < 0.01) == loop


OVER = {"mp3": ("bursts", -14.0), "ogg": ("pink", -9.0), "m4a": ("pink", -11.0)}
"""Sound and loudness at which a plain try of this codec is over."""


@pytest.mark.parametrize("name", LOSSY)
def test_what_was_foretold_is_encoded_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sound, target = OVER[name]
    tape = taped.mastered(material.MATERIAL[sound](4.0), target)
    counted: list[str] = []
    module = mp3 if name == "mp3" else libav
    attempt: Callable[..., tuple[BytesIO, Peaks]] = module._attempt

    def once_more(*args: object) -> tuple[BytesIO, Peaks]:
        counted.append(name)
        return attempt(*args)

    monkeypatch.setattr(module, "_attempt", once_more)
    ENCODERS[name].encode(tape, taped.TAGS)
    assert len(counted) == 1
    ENCODERS[name].encode(taped.tape(taped.samples(tape)), taped.TAGS)
    assert len(counted) > 2


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
