"""MP3 of 256 kbit/s, constant rate, by LAME."""

from collections.abc import Iterable, Iterator
from functools import partial
from io import BytesIO
from typing import Final

import av
import lameenc
import numpy as np

from services.generator.audio.encoders.ceiling import below_ceiling
from services.generator.audio.encoders.gapless import DELAY, info_frame
from services.generator.audio.encoders.id3 import id3v2
from services.generator.audio.encoders.monitor import Decoder, Monitor
from services.generator.audio.encoders.tags import Tags
from services.generator.audio.loudness import Peaks
from services.generator.audio.pcm import CHANNELS, RATE, Pcm, Pcm16
from services.generator.audio.tape import Tape

_KBITS: Final = 256
_QUALITY: Final = 7
"""LAME's ``-q``: 5 takes 1.8 times as long, and shapes its noise instead of keeping it low.

At this rate the noise of 7 is 2 to 5 dB below that of 5, on music.
"""
_HEADER: Final = 4
_FRAME: Final = 144_000 * _KBITS // RATE
"""Bytes; at 48 kHz they are the same for each frame."""
_DECODER: Final[Decoder] = "mp3float"


def encode_mp3(tape: Tape, tags: Tags) -> BytesIO:
    """An ID3 tag, then a stream that players cut to exactly the tape's frames."""
    return below_ceiling(tape, partial(_attempt, id3v2(tags), tape.frames))


def _attempt(head: bytes, frames: int, blocks: Iterable[Pcm]) -> tuple[BytesIO, Peaks]:
    target = BytesIO()
    target.seek(len(head) + _FRAME)
    with Monitor(_DECODER, None, DELAY) as monitor:
        _stream(blocks, target, monitor)
        peaks = monitor.peaks()
    target.seek(0)
    target.write(head + _info(target.getbuffer()[len(head) + _FRAME :], frames))
    target.seek(0)
    return target, peaks


def _stream(blocks: Iterable[Pcm], target: BytesIO, monitor: Monitor) -> None:
    parser = av.CodecContext.create(_DECODER, "r")
    for data in _encoded(blocks):
        target.write(data)
        for packet in parser.parse(data):
            monitor.feed(packet)
    for packet in parser.parse():
        monitor.feed(packet)


def _encoded(blocks: Iterable[Pcm]) -> Iterator[bytes]:
    """The stream in pieces, none of them empty: that would be the parser's end mark."""
    encoder = _encoder()
    for block in blocks:
        if data := encoder.encode(_to_16_bit(block)):
            yield bytes(data)
    yield bytes(encoder.flush())


def _info(stream: memoryview, frames: int) -> bytes:
    with stream:
        count = len(stream) // _FRAME
        return info_frame(bytes(stream[:_HEADER]), _FRAME, count, _KBITS, frames)


def _encoder() -> lameenc.Encoder:
    encoder = lameenc.Encoder()
    encoder.silence()
    encoder.set_channels(CHANNELS)
    encoder.set_in_sample_rate(RATE)
    encoder.set_bit_rate(_KBITS)
    encoder.set_quality(_QUALITY)
    return encoder


def _to_16_bit(block: Pcm) -> Pcm16:
    """Rounded, where the tape is finer: LAME takes 16 bits, and its own noise is far above."""
    if block.dtype == np.int16:
        return block.astype(np.int16, copy=False)
    half = 1 << 15
    most = np.iinfo(np.int32).max - half
    return ((np.minimum(block, most) + half) >> 16).astype(np.int16)
