"""The finished samples of one track: written once, read by many while they are written."""

import mmap
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.generator.audio.pcm import BIT_DEPTHS, BLOCK, CHANNELS, Pcm


class UnfinishedTape(Exception):
    """The writer gave up, its own failure is the cause: what was read so far is no track."""


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """What its writer knows of a tape before the first block."""

    peaks: NDArray[np.float32] | None = None
    """What no true peak will exceed, in dBTP, one for each cell of the meter; None: not known."""
    loop: bool = False
    """It runs into its own start."""


class Tape:
    """Finished samples, written once from start to end, read by several threads while it grows.

    One anonymous piece of memory holds *head* and then the samples, little-endian, packed in 2
    or 3 bytes each: after the head of a WAV file it is that WAV file.
    """

    def __init__(
        self,
        frames: int,
        bit_depth: int = 16,
        head: bytes = b"",
        watch: Callable[[], None] = lambda: None,
    ) -> None:
        """*watch* is called before each block that is written or read: it raises to stop both.

        Raises:
            ValueError: a bit depth other than 16 and 24.
        """
        if bit_depth not in BIT_DEPTHS:
            raise ValueError(f"a tape has 16 or 24 bits, not {bit_depth}")
        self.frames: Final = frames
        self.bit_depth: Final = bit_depth
        self._map = mmap.mmap(-1, len(head) + frames * CHANNELS * bit_depth // 8)
        self._map[: len(head)] = head
        self._head = len(head)
        self._watch = watch
        self._forecast = Forecast()
        self._written = 0
        self._closed = False
        self._failure: BaseException | None = None
        self._grown = threading.Condition()

    def foretell(self, forecast: Forecast) -> None:
        """For readers that have to prepare; before the first block."""
        self._forecast = forecast

    def write(self, block: Pcm) -> None:
        """Append *block*, shape (n, 2): int16, or 24 bits in the high bytes of int32.

        Raises:
            ValueError: the wrong type, or more frames than the tape has.
        """
        self._watch()
        if block.dtype != self._dtype:
            raise ValueError(f"a tape of {self.bit_depth} bits takes no {block.dtype}")
        end = self._written + len(block)
        if end > self.frames:
            raise ValueError(f"{end} frames on a tape of {self.frames}")
        self._packed(self._written, end)[:] = _bytes(block, self.bit_depth)
        with self._grown:
            self._written = end
            self._grown.notify_all()

    def close(self, failure: BaseException | None = None) -> None:
        """Nothing more will come: readers end, or raise when there is a *failure*.

        Raises:
            ValueError: frames are missing and no failure was given; readers raise then too.
        """
        short = None
        if failure is None and self._written < self.frames:
            short = ValueError(f"{self._written} frames on a tape of {self.frames}")
        with self._grown:
            self._failure = failure or short
            self._closed = True
            self._grown.notify_all()
        if short:
            raise short

    def forecast(self) -> Forecast:
        """What the writer has foretold, nothing if it has not; waits for the first block.

        Raises:
            UnfinishedTape: the writer has failed.
        """
        self._await(min(1, self.frames))
        return self._forecast

    def blocks(self) -> Iterator[Pcm]:
        """The samples from the start, ``BLOCK`` frames each but the last, as they are written.

        Shape (n, 2), not to be changed: int16, or int32 with the 24 bits in the high bytes.

        Raises:
            UnfinishedTape: the writer has failed.
        """
        for start in range(0, self.frames, BLOCK):
            yield self.part(start, min(start + BLOCK, self.frames))

    def part(self, start: int, end: int) -> Pcm:
        """Frames *start* to *end*, as in ``blocks``, once they are written.

        Raises:
            UnfinishedTape: the writer has failed.
        """
        self._await(end)
        self._watch()
        return self._unpacked(start, end)

    def file(self) -> mmap.mmap:
        """Head and samples as a binary file at its beginning, once all is written.

        There is one such file: whoever asks again winds it back.

        Raises:
            UnfinishedTape: the writer has failed.
        """
        with self._grown:
            self._grown.wait_for(lambda: self._closed)
        self._check()
        self._map.seek(0)
        return self._map

    def release(self) -> None:
        """Give the memory back; blocks that are still in somebody's hands keep it until then."""
        with suppress(BufferError):
            self._map.close()

    @property
    def _dtype(self) -> type[np.int16 | np.int32]:
        return np.int16 if self.bit_depth == BIT_DEPTHS[0] else np.int32

    def _await(self, end: int) -> None:
        with self._grown:
            self._grown.wait_for(lambda: self._closed or self._written >= end)
        self._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise UnfinishedTape(f"nothing after frame {self._written}") from self._failure

    def _packed(self, start: int, end: int) -> NDArray[np.uint8]:
        """The bytes of some frames, in place."""
        width = CHANNELS * self.bit_depth // 8
        offset = self._head + start * width
        return np.frombuffer(self._map, np.uint8, (end - start) * width, offset)

    def _unpacked(self, start: int, end: int) -> Pcm:
        packed = self._packed(start, end)
        if self.bit_depth == BIT_DEPTHS[0]:
            view: Pcm = packed.view("<i2").reshape(-1, CHANNELS)
            view.flags.writeable = False
            return view
        wide = np.zeros((packed.size // 3, 4), np.uint8)
        wide[:, 1:] = packed.reshape(-1, 3)
        return wide.view("<i4").reshape(-1, CHANNELS)


def _bytes(block: Pcm, bit_depth: int) -> NDArray[np.uint8]:
    octets = np.ascontiguousarray(block).view(np.uint8).reshape(-1)
    if bit_depth == BIT_DEPTHS[0]:
        return octets
    return octets.reshape(-1, 4)[:, 1:].reshape(-1)
