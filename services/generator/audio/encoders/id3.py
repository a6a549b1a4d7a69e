"""ID3v2.3 tags (Martin Nilsson, "ID3 tag version 2.3.0"), the version that every player reads."""

import struct

from services.generator.audio.encoders.tags import Tags

_UTF16 = b"\x01"


def id3v2(tags: Tags) -> bytes:
    """The tag that goes before an MP3 stream: title, artist, comment."""
    frames = b"".join(
        (
            _frame(b"TIT2", _UTF16 + _text(tags.title)),
            _frame(b"TPE1", _UTF16 + _text(tags.model)),
            _frame(b"COMM", _UTF16 + b"eng" + _text("") + _text(tags.comment)),
        )
    )
    return b"ID3\x03\x00\x00" + _synchsafe(len(frames)) + frames


def _frame(name: bytes, body: bytes) -> bytes:
    return name + struct.pack(">IH", len(body), 0) + body


def _text(text: str) -> bytes:
    """UTF-16 with its byte order mark, whatever the machine's own order, and an end mark."""
    return b"\xff\xfe" + text.encode("utf-16-le") + b"\0\0"


def _synchsafe(size: int) -> bytes:
    """28 bits, seven to a byte, so that no sync word of MPEG appears."""
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
