"""The decoding guard: from any bytes to a small plain JPEG, within bounds, or a clear refusal.

What leaves here is at most 1024 pixels wide and high and holds pixels only: no EXIF, no place, no
comment. Sizes are looked up in the header, so what is too large is refused before it is decoded.
"""

import threading
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from services.ingest.prompts import refusals
from services.ingest.prompts.headers import BrokenHeader, Header, header

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS: Final[Mapping[str, int]] = {
    "PNG": 40_000_000,
    "JPEG": 40_000_000,
    "WEBP": 16_000_000,  # its decoder holds each pixel four times, with four bytes
}
LONGEST_SIDE: Final = 12_000
SIDE: Final = 1024
"""Pixels: Gemini looks at no more, and each costs."""
_QUALITY: Final = 85
_STRIP: Final = 2**20
"""Pixels that are worked on beside the decoded image."""
_PATIENCE: Final = 20.0
"""Seconds: one image at a time is decoded, which takes some 330 MB and seconds at most."""
_ORIENTATION: Final = 0x0112
_TURNS: Final[Mapping[Any, str]] = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""EXIF's orientation -> what turns the image upright."""


class Guard:
    """Decodes one image at a time; thread-safe, one per process."""

    def __init__(self) -> None:
        """Nothing is being decoded."""
        self._turn = threading.Lock()

    def plain(self, data: bytes) -> bytes:
        """*data*, a PNG, JPEG or WebP file, as a small JPEG.

        Raises:
            Problem: 400 or 415, it is no such image; 503, too many wait.
        """
        found = checked(data)
        if not self._turn.acquire(timeout=_PATIENCE):
            raise refusals.busy()
        try:
            return _plain(data, found)
        # Each decoder has errors of its own, down to MemoryError, and all mean the file.
        except Exception as exc:
            raise refusals.invalid(f"it cannot be decoded ({type(exc).__name__})") from exc
        finally:
            self._turn.release()


def checked(data: bytes) -> Header:
    """What *data* is, as far as its header tells, when we take such images.

    Raises:
        Problem: 400 or 415, we do not.
    """
    try:
        found = header(data)
    except BrokenHeader as exc:
        raise refusals.invalid(f"its header is damaged: {exc}") from None
    if found is None:
        raise refusals.other_type(data)
    if found.animated:
        raise refusals.animated()
    sides, most = (found.width, found.height), MOST_PIXELS[found.kind]
    if max(sides) > LONGEST_SIDE or found.width * found.height > most:
        raise refusals.too_many_pixels(*sides, LONGEST_SIDE, most)
    return found


def _plain(data: bytes, found: Header) -> bytes:
    # Not at start: a new instance that gets no image must not wait for this.
    from PIL import Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: PLC0415

    known = {"JPEG": JpegImagePlugin, "PNG": PngImagePlugin, "WEBP": WebPImagePlugin}
    assert known[found.kind]  # noqa: S101 - imported, so that Pillow looks for no others
    # Its own check, should it see another size than we did.
    Image.MAX_IMAGE_PIXELS = max(MOST_PIXELS.values())
    with Image.open(BytesIO(data), formats=(found.kind,)) as image:
        if image.size != (found.width, found.height):
            raise ValueError("two sizes")
        image.draft("RGB", (SIDE, SIDE))  # a JPEG need not be decoded in full
        small = _upright(_reduced(image), image)
    small.thumbnail((SIDE, SIDE))
    out = BytesIO()
    small.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def _reduced(image: "Image") -> "Image":
    """Near the wanted size and in RGB: strip by strip, so that there is no second large image."""
    from PIL import Image  # noqa: PLC0415 - as in `_plain`

    width, height = image.size
    factor = max(1, max(width, height) // SIDE)
    rows = factor * max(1, _STRIP // (width * factor))
    small = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    for top in range(0, height, rows):
        strip = _opaque(image.crop((0, top, width, min(height, top + rows))))
        small.paste(strip.reduce(factor), (0, top // factor))
    return small


def _opaque(image: "Image") -> "Image":
    """In RGB, on white paper."""
    from PIL import Image  # noqa: PLC0415 - as in `_plain`

    if image.mode.startswith("I"):  # 16 bits of grey
        return image.point(lambda value: value * (1 / 256)).convert("L").convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    drawn = image.convert("RGBA")
    paper = Image.new("RGB", image.size, "white")
    paper.paste(drawn, mask=drawn.getchannel("A"))
    return paper


def _upright(small: "Image", image: "Image") -> "Image":
    from PIL import Image  # noqa: PLC0415 - as in `_plain`

    turn = _TURNS.get(image.getexif().get(_ORIENTATION))
    return small.transpose(Image.Transpose[turn]) if turn else small
