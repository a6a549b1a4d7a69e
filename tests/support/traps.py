"""Files that are no image that we take, or that want to be decoded at somebody else's cost."""

import struct
import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import Final

from PIL import Image

from tests.support.images import encoded, png, png_chunk, sunset, zeros

INVALID: Final = (400, "image_invalid")
PIXELS: Final = (400, "image_too_many_pixels")
MOVING: Final = (400, "image_animated")
OTHER: Final = (415, "image_type")
LARGE: Final = (413, "image_too_large")
_MB: Final = 2**20


def _frames(kind: str) -> bytes:
    out, first = BytesIO(), Image.new("RGB", (60, 40), "red")
    others = [Image.new("RGB", (60, 40), name) for name in ("blue", "green")]
    first.save(out, kind, save_all=True, append_images=others, duration=80)
    return out.getvalue()


def _riff(chunks: bytes, claimed: int | None = None) -> bytes:
    size = 4 + len(chunks) if claimed is None else claimed
    return b"RIFF" + struct.pack("<I", size) + b"WEBP" + chunks


def _canvas(width: int, height: int, flags: int = 0) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"VP8X" + struct.pack("<I", 10) + bytes((flags, 0, 0, 0)) + size


def _frame(width: int, height: int) -> bytes:
    """A JPEG whose frame claims a size, and nothing behind it."""
    sizes = struct.pack(">BHHB", 8, height, width, 1) + bytes((1, 0x11, 0))
    return b"\xff\xd8\xff\xc0" + struct.pack(">H", 2 + len(sizes)) + sizes + b"\xff\xd9"


def _scans(count: int) -> bytes:
    """A progressive JPEG that repeats its last scan: each one is another pass over all pixels."""
    data = encoded(sunset(), progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


def hostile() -> Mapping[str, tuple[bytes, tuple[int, str]]]:
    """Name -> file, and the status and code that it must get."""
    photo, drawn, webp = encoded(sunset()), encoded(sunset(), "PNG"), encoded(sunset(), "WEBP")
    idat, iend = png_chunk(b"IDAT", zlib.compress(bytes(101 * 100))), png_chunk(b"IEND", b"")
    header = drawn[:33]
    bomb = zeros(64 * _MB)
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
    return {
        "nothing": (b"", OTHER),
        "text": (b"a sunset, please", OTHER),
        "svg": (svg, OTHER),
        "svg with a prologue": (b'\xef\xbb\xbf <?xml version="1.0"?>' + svg, OTHER),
        "gif": (encoded(sunset(), "GIF"), OTHER),
        "animated gif": (_frames("GIF"), OTHER),
        "bmp": (encoded(sunset(), "BMP"), OTHER),
        "tiff": (encoded(sunset(), "TIFF"), OTHER),
        "ico": (encoded(sunset().resize((32, 32)), "ICO"), OTHER),
        "heic": (b"\0\0\0\x18ftypheic\0\0\0\0" + bytes(100), OTHER),
        "pdf": (encoded(sunset(), "PDF"), OTHER),
        "html": (b"<html><script>alert(1)</script></html>", OTHER),
        "zip": (b"PK\x03\x04" + bytes(200), OTHER),
        "animated png": (_frames("PNG"), MOVING),
        "animated webp": (_frames("WEBP"), MOVING),
        "cut jpeg": (photo[: len(photo) // 2], INVALID),
        "cut png": (drawn[: len(drawn) // 2], INVALID),
        "cut webp": (webp[: len(webp) // 2], INVALID),
        "jpeg that stops in its header": (photo[:10], INVALID),
        "png that stops in its header": (drawn[:20], INVALID),
        "webp that stops in its header": (webp[:20], INVALID),
        "jpeg full of noise": (photo[:400] + bytes(range(256)) * 50, INVALID),
        "html as png": (drawn[:8] + b"<html><script>alert(1)</script></html>", INVALID),
        "png without pixels": (png(0, 100, idat, iend), INVALID),
        "png of an unknown kind": (png(100, 100, idat, iend, kind=5), INVALID),
        "png with a wrong sum": (header[:-1] + b"\0" + drawn[33:], INVALID),
        "png without a palette": (png(100, 100, iend, kind=3), INVALID),
        "png of endless chunks": (header + png_chunk(b"tEXt", b"a\0b") * 2000, INVALID),
        "20000 x 20000": (png(20_000, 20_000, png_chunk(b"IDAT", zeros(50_020_000)), iend, bits=1),
                          PIXELS),
        "20000 x 20000, header alone": (png(20_000, 20_000, kind=2), INVALID),
        "12000 x 12000": (png(12_000, 12_000, idat, iend), PIXELS),
        "a long line": (png(50_000, 1, idat, iend), PIXELS),
        "largest png": (png(2**31 - 1, 2**31 - 1, idat, iend), PIXELS),
        "largest jpeg": (_frame(65_500, 65_500), PIXELS),
        "largest webp": (_riff(_canvas(2**24, 2**24)), PIXELS),
        "jpeg of unknown height": (_frame(400, 0), INVALID),
        "jpeg of too many scans": (_scans(300), INVALID),
        "text bomb": (header + png_chunk(b"zTXt", b"Comment\0\0" + bomb) + drawn[33:], INVALID),
        "profile bomb": (header + png_chunk(b"iCCP", b"x\0\0" + bomb) + drawn[33:], INVALID),
        "canvas smaller than its picture": (_riff(_canvas(16, 16) + webp[12:]), INVALID),
        "riff that claims more": (_riff(webp[12:60], 2**31), INVALID),
        "over 10 MB": (photo + bytes(10_000_001 - len(photo)), LARGE),
        "far over 10 MB": (bytes(30_000_000), LARGE),
    }  # fmt: skip
