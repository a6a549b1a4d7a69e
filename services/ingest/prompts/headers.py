"""What an image says of itself in its first bytes: type, size, animation. Nothing is decoded.

PNG (third edition) 5.3, 11.2.1, 11.3.6.1; ITU-T T.81 B.2; RFC 9649 (WebP) 2.4 to 2.7.
"""

from dataclasses import dataclass
from itertools import count
from typing import Final

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers that begin a frame of JPEG, with its size."""
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length."""
_SCAN: Final = 0xDA
_MOST_SCANS: Final = 100
_ANIMATED: Final = 0x02
_LOSSLESS: Final = 0x2F
_14_BITS: Final = 0x3FFF


@dataclass(frozen=True, slots=True)
class Header:
    """Size in pixels, as the file claims it."""

    kind: str
    """PNG, JPEG or WEBP."""
    width: int
    height: int
    animated: bool = False


class BrokenHeader(Exception):
    """It begins like an image of a known type, but its header makes no sense."""


def header(data: bytes) -> Header | None:
    """The header of a PNG, JPEG or WebP file; None: it is nothing of these.

    Raises:
        BrokenHeader: it is, but damaged.
    """
    for begins, read in (
        (data.startswith(_PNG), _png),
        (data.startswith(b"\xff\xd8\xff"), _jpeg),
        (data[:4] == b"RIFF" and data[8:12] == b"WEBP", _webp),
    ):
        if begins:
            found = read(data)
            if not (found.width and found.height):
                raise BrokenHeader("no pixels")
            return found
    return None


def _png(data: bytes) -> Header:
    if data[8:16] != b"\0\0\0\rIHDR":
        raise BrokenHeader("no IHDR")
    animated, at = False, 8
    while data[at + 4 : at + 8] != b"IDAT":
        animated |= data[at + 4 : at + 8] == b"acTL"
        at += 12 + _big(data, at, 4)
    return Header("PNG", _big(data, 16, 4), _big(data, 20, 4), animated)


def _jpeg(data: bytes) -> Header:
    if data.count(bytes((0xFF, _SCAN))) > _MOST_SCANS:
        raise BrokenHeader("each scan costs a pass over all pixels, and no camera makes so many")
    at = 2
    for _ in count():
        if data[at : at + 1] != b"\xff":
            raise BrokenHeader("no marker")
        marker = _big(data, at + 1, 1)
        if marker in _FRAMES:
            return Header("JPEG", _big(data, at + 7, 2), _big(data, at + 5, 2))
        if marker == _SCAN:
            break
        # 0xff may be repeated before a marker.
        at += 1 if marker == 0xFF else 2 if marker in _ALONE else 2 + _big(data, at + 2, 2)  # noqa: PLR2004 - a fill byte
    raise BrokenHeader("no frame before the scan")


def _webp(data: bytes) -> Header:
    match data[12:16]:
        case b"VP8X":
            animated = bool(_little(data, 20, 1) & _ANIMATED)
            return Header("WEBP", _little(data, 24, 3) + 1, _little(data, 27, 3) + 1, animated)
        case b"VP8L" if data[20:21] == bytes((_LOSSLESS,)):
            size = _little(data, 21, 4)
            return Header("WEBP", (size & _14_BITS) + 1, (size >> 14 & _14_BITS) + 1)
        case b"VP8 " if data[23:26] == b"\x9d\x01\x2a":
            return Header("WEBP", _little(data, 26, 2) & _14_BITS, _little(data, 28, 2) & _14_BITS)
    raise BrokenHeader("no frame")


def _big(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(_part(data, at, size), "big")


def _little(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(_part(data, at, size), "little")


def _part(data: bytes, at: int, size: int) -> bytes:
    part = data[at : at + size]
    if len(part) < size:
        raise BrokenHeader("it ends within its header")
    return part
