"""Hears what a lossy encoder makes, while it makes it: decodes its packets beside it."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Final, Literal, Self, cast

import av
import numpy as np

from services.generator.audio.loudness import Peaks, cell_peaks
from services.generator.audio.pcm import RATE, Pcm, Samples, in_blocks, to_float

Decoder = Literal["aac", "mp3float", "opus"]

_LAYOUT: Final = "stereo"
_SOFT: Final = 1e-4
"""A block 40 dB below the loudest: what a codec leaves out of it is not missed."""


class Monitor:
    """A decoder in a thread of its own, fed with packets; a context manager.

    *codec* is a decoder of libav, *header* what it has to know before the first packet, *delay*
    how many frames it puts before the first one of the tape.
    """

    def __init__(self, codec: Decoder, header: bytes | None, delay: int) -> None:
        self._decoder = cast("av.AudioCodecContext", av.CodecContext.create(codec, "r"))
        self._decoder.sample_rate = RATE
        self._decoder.layout = _LAYOUT
        self._decoder.extradata = header
        self._delay = delay
        self._packets: SimpleQueue[av.Packet[Any] | None] = SimpleQueue()
        self._thread = ThreadPoolExecutor(1)
        self._given: list[float] = []
        self._left: list[float] = []

    def __enter__(self) -> Self:
        """Start to listen."""
        self._peaks = self._thread.submit(cell_peaks, self._heard())
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let the thread end, also when the encoder has failed."""
        self._packets.put(None)
        self._thread.shutdown()

    def beside(self, blocks: Iterable[Pcm]) -> Iterator[Pcm]:
        """*blocks* for the encoder, a ``BLOCK`` each: ``kept`` compares with them what is heard."""
        for block in blocks:
            self._given.append(_energy(to_float(block)))
            yield block

    def feed(self, packet: "av.Packet[Any]") -> None:
        """Hand over the next packet; does not wait."""
        self._packets.put(packet)

    def peaks(self) -> Peaks:
        """True peaks of all that was decoded, from the tape's first cell on; ends the stream."""
        self._packets.put(None)
        return self._peaks.result()

    def kept(self) -> float:
        """The least share of its energy that a block still had; call it after ``peaks``."""
        least = _SOFT * max(self._given, default=0.0)
        pairs = zip(self._given, self._left, strict=False)
        return min((left / given for given, left in pairs if given > least), default=1.0)

    def _heard(self) -> Iterator[Samples]:
        """What was decoded, from the tape's first frame on."""
        for block in in_blocks(self._from_first()):
            self._left.append(_energy(block))
            yield block

    def _from_first(self) -> Iterator[Samples]:
        skip = self._delay
        for piece in self._decoded():
            yield piece[skip:]
            skip = max(0, skip - len(piece))

    def _decoded(self) -> Iterator[Samples]:
        for packet in chain(iter(self._packets.get, None), [None]):
            for frame in self._decoder.decode(packet):
                yield cast("Samples", frame.to_ndarray()).T


def _energy(block: Samples) -> float:
    return float(np.einsum("ij,ij->", block, block))
