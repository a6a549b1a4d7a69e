"""The Info frame before a constant-rate MP3: its length, and the silence to be cut at both ends.

An encoder cannot begin at the first sample nor end at the last. Players that know this frame
(ffmpeg, mpg123 and so libsndfile, every current one) cut what it names, and play exactly the
samples that went in. Layout: "Mp3 Info Tag rev 1 specifications" of the LAME project.
"""

import struct
from typing import Final

FRAME_SAMPLES: Final = 1152
"""Per channel, in each frame of MPEG-1 layer III."""

_ENCODER_DELAY: Final = 576
"""Frames of LAME; what decoders add of their own, they know themselves."""
DELAY: Final = _ENCODER_DELAY + 529
"""Both together: where the first frame comes out when nothing is cut."""
_SIDE_INFO: Final = 32
_FIELDS: Final = 0b1111
"""Frames, bytes, seek table and quality are all there."""
_QUALITY: Final = 50
"""An estimate out of 100, which no player uses."""
_CONSTANT_RATE: Final = 1
_MOST_KBITS: Final = 255


def info_frame(header: bytes, size: int, frames: int, kbits: int, samples: int) -> bytes:
    """The frame to put before *frames* frames of *size* bytes that hold *samples* samples.

    *header* is the four bytes that each of these frames, all of one size, begins with.
    """
    total = (frames + 1) * size
    seek = bytes(256 * percent // 100 for percent in range(100))
    xing = struct.pack(">4sIII100sI", b"Info", _FIELDS, frames, total, seek, _QUALITY)
    lame = struct.pack(
        ">9sB10xB3s4xI2x",
        b"LAME3.100",
        _CONSTANT_RATE,
        min(kbits, _MOST_KBITS),
        _cuts(frames * FRAME_SAMPLES - samples - _ENCODER_DELAY),
        total,
    )
    tagged = header + bytes(_SIDE_INFO) + xing + lame
    return (tagged + _crc16(tagged).to_bytes(2, "big")).ljust(size, b"\0")


def _cuts(padding: int) -> bytes:
    """Samples to cut at start and end, twelve bits each."""
    return (_ENCODER_DELAY << 12 | padding).to_bytes(3, "big")


def _crc16(data: bytes) -> int:
    """CRC-16/ARC, as LAME guards this frame."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc
