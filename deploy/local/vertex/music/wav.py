"""WAV bytes as Lyria 2 sends them: RIFF with a LIST/INFO chunk, so the header takes 88 bytes."""

import struct

import numpy as np
from numpy.typing import NDArray

RATE = 48_000
FRAMES = 1_572_864
SECONDS = FRAMES / RATE
"""32.768, as long as a clip of Lyria 2."""
SOFTWARE = b"motif-sketch"
_SOFTWARE_BYTES = 24


def wav(samples: NDArray[np.int16], *, info: bool = True) -> bytes:
    """A stereo 16-bit PCM file (Multimedia Programming Interface 1.0, chunks fmt, LIST, data).

    `samples` has shape (frames, 2). Without `info` the header is the short one of 44 bytes.
    """
    data = samples.astype("<i2", copy=False).tobytes()
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, RATE, RATE * 4, 4, 16)
    note = struct.pack(
        f"<4sI4s4sI{_SOFTWARE_BYTES}s",
        *(b"LIST", 12 + _SOFTWARE_BYTES, b"INFO", b"ISFT", _SOFTWARE_BYTES, SOFTWARE),
    )
    body = b"".join(
        (b"WAVE", fmt, note if info else b"", struct.pack("<4sI", b"data", len(data)), data)
    )
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def pcm(file: bytes) -> NDArray[np.int16]:
    """The samples of a file that `wav` made, shape (frames, 2)."""
    return np.frombuffer(file, "<i2", offset=len(file) - FRAMES * 4).reshape(-1, 2)
