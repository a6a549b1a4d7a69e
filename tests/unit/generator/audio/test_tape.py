"""One writer, many readers, and what is in the memory they share."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.generator.audio.pcm import BLOCK, Pcm
from services.generator.audio.tape import Forecast, Tape, UnfinishedTape

HEAD = b"a head of odd length."
LENGTHS = [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17]
AT_ONCE = 0.05
"""Seconds a thread is given to do what it must not."""


def _noise(frames: int, bit_depth: int) -> Pcm:
    rng = np.random.default_rng(frames)
    if bit_depth == 16:
        return rng.integers(-(2**15), 2**15, (frames, 2), dtype=np.int16)
    return rng.integers(-(2**23), 2**23, (frames, 2), dtype=np.int32) << 8


def _write(tape: Tape, pcm: Pcm, step: int = BLOCK) -> None:
    for start in range(0, len(pcm), step):
        tape.write(pcm[start : start + step])
    tape.close()


def _everything(tape: Tape) -> NDArray[Any]:
    parts = [block.copy() for block in tape.blocks()]
    assert {len(part) for part in parts[:-1]} <= {BLOCK}
    return np.concatenate(parts)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.mark.parametrize("step", [BLOCK, 1_001, 3 * BLOCK])
@pytest.mark.parametrize("bit_depth", [16, 24])
@pytest.mark.parametrize("frames", LENGTHS)
def test_what_is_written_is_read(frames: int, bit_depth: int, step: int) -> None:
    tape, pcm = Tape(frames, bit_depth, HEAD), _noise(frames, bit_depth)
    _write(tape, pcm, step)
    for _ in range(2):
        read = _everything(tape)
        assert read.dtype == pcm.dtype
        assert np.array_equal(read, pcm)


@pytest.mark.parametrize("bit_depth", [16, 24])
def test_the_memory_is_the_head_and_packed_little_endian_samples(bit_depth: int) -> None:
    tape, pcm = Tape(BLOCK + 3, bit_depth, HEAD), _noise(BLOCK + 3, bit_depth)
    _write(tape, pcm)
    right = [int(value) >> (8 if bit_depth == 24 else 0) for value in pcm.flat]
    packed = b"".join(value.to_bytes(bit_depth // 8, "little", signed=True) for value in right)
    assert tape.file().read() == HEAD + packed


def test_a_file_is_at_its_start_each_time_it_is_asked_for() -> None:
    tape = Tape(4, 16, HEAD)
    _write(tape, _noise(4, 16))
    assert tape.file().read(6) == HEAD[:6]
    file = tape.file()
    assert file.tell() == 0
    file.seek(len(HEAD))
    assert len(file.read()) == 16


@pytest.mark.parametrize("bit_depth", [16, 24])
def test_all_readers_follow_one_writer(pool: ThreadPoolExecutor, bit_depth: int) -> None:
    tape, pcm = Tape(20 * BLOCK + 5, bit_depth), _noise(20 * BLOCK + 5, bit_depth)
    readers = [pool.submit(_everything, tape) for _ in range(5)]
    _write(tape, pcm, 1_000)
    late = pool.submit(_everything, tape)
    assert all(np.array_equal(reader.result(), pcm) for reader in [*readers, late])


def test_a_block_is_read_while_the_next_is_not_yet_written(pool: ThreadPoolExecutor) -> None:
    tape, pcm = Tape(2 * BLOCK), _noise(2 * BLOCK, 16)
    blocks = tape.blocks()
    tape.write(pcm[:BLOCK])
    assert np.array_equal(next(blocks), pcm[:BLOCK])
    tape.write(pcm[BLOCK:-1])
    second = pool.submit(next, blocks)
    with pytest.raises(TimeoutError):
        second.result(AT_ONCE)
    tape.write(pcm[-1:])
    assert np.array_equal(second.result(), pcm[BLOCK:])


def test_a_file_waits_for_the_end(pool: ThreadPoolExecutor) -> None:
    tape, pcm = Tape(5), _noise(5, 16)
    tape.write(pcm)
    file = pool.submit(tape.file)
    with pytest.raises(TimeoutError):
        file.result(AT_ONCE)
    tape.close()
    assert file.result().read() == pcm.tobytes()


@pytest.mark.parametrize("read", [_everything, Tape.file])
def test_readers_of_a_failed_tape_raise(
    pool: ThreadPoolExecutor, read: Callable[[Tape], object]
) -> None:
    tape, failure = Tape(3 * BLOCK), OSError("out of ink")
    waiting = pool.submit(read, tape)
    tape.write(_noise(BLOCK, 16))
    tape.close(failure)
    for reader in (waiting, pool.submit(read, tape)):
        with pytest.raises(UnfinishedTape, match=rf"frame {BLOCK}") as raised:
            reader.result()
        assert raised.value.__cause__ is failure


def test_a_forecast_waits_for_the_first_block(pool: ThreadPoolExecutor) -> None:
    tape, forecast = Tape(2 * BLOCK), Forecast(np.zeros(600, np.float32), loop=True)
    waiting = pool.submit(tape.forecast)
    tape.foretell(forecast)
    with pytest.raises(TimeoutError):
        waiting.result(AT_ONCE)
    tape.write(_noise(1, 16))
    assert waiting.result() is tape.forecast() is forecast


def test_nothing_is_foretold_unless_the_writer_does_so() -> None:
    tape = Tape(3)
    _write(tape, _noise(3, 16))
    assert (tape.forecast().peaks, tape.forecast().loop) == (None, False)


def test_readers_wait_no_longer_for_the_forecast_of_a_failed_tape(pool: ThreadPoolExecutor) -> None:
    tape = Tape(3)
    waiting = pool.submit(tape.forecast)
    tape.close(OSError("out of ink"))
    with pytest.raises(UnfinishedTape):
        waiting.result()


def test_a_tape_that_is_closed_too_early_has_failed(pool: ThreadPoolExecutor) -> None:
    tape = Tape(BLOCK)
    waiting = pool.submit(_everything, tape)
    tape.write(_noise(7, 16))
    with pytest.raises(ValueError, match=f"7 frames on a tape of {BLOCK}"):
        tape.close()
    with pytest.raises(UnfinishedTape):
        waiting.result()


@pytest.mark.parametrize("bit_depth", [16, 24])
def test_what_does_not_fit_is_refused(bit_depth: int) -> None:
    tape = Tape(10, bit_depth)
    with pytest.raises(ValueError, match="11 frames on a tape of 10"):
        tape.write(_noise(11, bit_depth))
    with pytest.raises(ValueError, match=rf"{bit_depth} bits takes no int\d\d"):
        tape.write(_noise(10, 40 - bit_depth))
    _write(tape, _noise(10, bit_depth))
    assert np.array_equal(_everything(tape), _noise(10, bit_depth))


@pytest.mark.parametrize("bit_depth", [8, 20, 32])
def test_other_bit_depths_are_refused(bit_depth: int) -> None:
    with pytest.raises(ValueError, match=f"not {bit_depth}"):
        Tape(10, bit_depth)


def test_a_reader_cannot_change_the_tape() -> None:
    tape = Tape(2)
    _write(tape, _noise(2, 16))
    with pytest.raises(ValueError, match="read-only"):
        next(tape.blocks())[0, 0] = 1


def test_released_memory_is_kept_by_nobody_but_a_reader() -> None:
    tape, pcm = Tape(BLOCK, 16, HEAD), _noise(BLOCK, 16)
    _write(tape, pcm)
    held = next(tape.blocks())
    tape.release()
    assert np.array_equal(held, pcm)
    del held
    tape.release()
    with pytest.raises(ValueError, match="closed"):
        tape.file()


def test_a_writer_in_another_thread_wakes_all_who_wait() -> None:
    tape, pcm = Tape(2 * BLOCK), _noise(2 * BLOCK, 16)
    writer = threading.Thread(target=_write, args=(tape, pcm))
    writer.start()
    assert tape.file().read() == pcm.tobytes()
    writer.join()
