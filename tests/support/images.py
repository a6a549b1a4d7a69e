"""Pictures drawn by numbers: scenes that anybody tells apart, in every type and mode, and traps."""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

import numpy as np
from PIL import Image, ImageDraw

SIZE: Final = (480, 320)


def _ramp(top: tuple[int, int, int], bottom: tuple[int, int, int]) -> Image.Image:
    width, height = SIZE
    part = np.linspace(0, 1, height)[:, None, None]
    rows = np.array(top) * (1 - part) + np.array(bottom) * part
    return Image.fromarray(np.repeat(rows, width, axis=1).astype(np.uint8))


def sunset(seed: int = 0) -> Image.Image:
    """A low sun over water."""
    dice = np.random.default_rng(seed)
    image = _ramp((90 + int(dice.integers(30)), 50, 110), (250, 140, 50))
    draw = ImageDraw.Draw(image)
    x, y = int(dice.integers(120, 360)), 230
    draw.ellipse((x - 40, y - 40, x + 40, y + 40), fill=(255, 225, 140))
    draw.rectangle((0, 260, *SIZE), fill=(130, 55, 50))
    return image


def storm(seed: int = 0) -> Image.Image:
    """Lightning in dark clouds."""
    dice = np.random.default_rng(seed)
    coarse = dice.integers(25, 85, (8, 12), dtype=np.uint8)
    clouds = Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC)
    image = Image.merge("RGB", (clouds, clouds, clouds.point(lambda v: v * 1.15)))
    draw = ImageDraw.Draw(image)
    x = int(dice.integers(100, 380))
    bolt = [(x + int(dice.integers(-25, 25)), y) for y in range(0, 300, 30)]
    draw.line(bolt, fill=(235, 235, 250), width=3)
    return image


def city_night(seed: int = 0) -> Image.Image:
    """Lit windows in black towers."""
    dice = np.random.default_rng(seed)
    image = Image.new("RGB", SIZE, (6, 8, 22))
    draw = ImageDraw.Draw(image)
    lights = [(255, 210, 90), (255, 90, 170), (90, 200, 255), (255, 240, 200)]
    for x in range(10, SIZE[0] - 30, 60):
        top = int(dice.integers(30, 160))
        draw.rectangle((x, top, x + 48, SIZE[1]), fill=(18, 18, 30))
        for wx in range(x + 5, x + 44, 10):
            for wy in range(top + 8, SIZE[1] - 8, 14):
                if dice.random() < 0.45:
                    draw.rectangle((wx, wy, wx + 5, wy + 7), fill=lights[int(dice.integers(4))])
    return image


def forest(seed: int = 0) -> Image.Image:
    """Leaves and trunks."""
    dice = np.random.default_rng(seed)
    grain = dice.normal(0, 22, (SIZE[1] // 2, SIZE[0] // 2, 1))
    leaves = np.clip(np.array([46, 110, 42]) + grain, 0, 255).astype(np.uint8)
    image = Image.fromarray(leaves).resize(SIZE)
    draw = ImageDraw.Draw(image)
    for at in range(20, SIZE[0], 70):
        x = at + int(dice.integers(-12, 12))
        draw.rectangle((x, 40, x + 14, SIZE[1]), fill=(78, 54, 34))
    return image


def snow(seed: int = 0) -> Image.Image:
    """Not much to be seen."""
    return _ramp((225, 232, 240), (250, 250, 252 - seed % 3))


def sea(seed: int = 0) -> Image.Image:
    """Blue above blue."""
    image = _ramp((150, 200, 245), (10, 70, 150 + seed % 20))
    ImageDraw.Draw(image).line((0, 150, SIZE[0], 150), fill=(230, 240, 250), width=2)
    return image


def carnival(seed: int = 0) -> Image.Image:
    """Every colour at once."""
    dice = np.random.default_rng(seed)
    cells = dice.integers(0, 2, (16, 24, 3), dtype=np.uint8) * 200 + 55
    return Image.fromarray(cells.astype(np.uint8)).resize(SIZE, Image.Resampling.NEAREST)


SCENES: Final = {
    "sunset": sunset,
    "storm": storm,
    "city night": city_night,
    "forest": forest,
    "snow": snow,
    "sea": sea,
    "carnival": carnival,
}


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """As a file."""
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png_chunk(name: bytes, data: bytes) -> bytes:
    """Length, name, data, CRC."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *chunks: bytes, kind: int = 0, bits: int = 8) -> bytes:
    """A PNG file of these chunks, whatever its header claims."""
    size = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", size) + b"".join(chunks)


def zeros(amount: int) -> bytes:
    """Compressed: about a thousandth of *amount*."""
    press, part = zlib.compressobj(9), bytes(2**20)
    found = [press.compress(part[: min(2**20, left)]) for left in range(amount, 0, -(2**20))]
    return b"".join(found) + press.flush()


def ordinary(count: int) -> Iterator[tuple[str, bytes]]:
    """So many images that anybody might send: scenes, sizes, types and modes in turn."""
    kinds = (*_KINDS,)
    for number in range(count):
        name = list(SCENES)[number % len(SCENES)]
        scene = SCENES[name](number)
        kind = kinds[number // len(SCENES) % len(kinds)]
        size = _SIZES[number % len(_SIZES)]
        yield f"{number} {name} {kind} {size}", _KINDS[kind](scene.resize(size))


_SIZES: Final = ((480, 320), (64, 64), (960, 540), (321, 777), (33, 900), (1500, 1100))


def _turned(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "A camera"
    exif.get_ifd(0x8825)[1] = "N"
    return encoded(image, exif=exif)


def _seen_through(image: Image.Image) -> Image.Image:
    drawn = image.convert("RGBA")
    drawn.putalpha(image.convert("L"))
    return drawn


def _deep(image: Image.Image) -> bytes:
    grey = np.asarray(image.convert("L"), np.uint16) * 257
    return encoded(Image.fromarray(grey), "PNG")


_KINDS: Final = {
    "jpeg": encoded,
    "progressive": lambda image: encoded(image, progressive=True, quality=60),
    "grey jpeg": lambda image: encoded(image.convert("L")),
    "cmyk": lambda image: encoded(image.convert("CMYK")),
    "turned": _turned,
    "png": lambda image: encoded(image, "PNG"),
    "palette": lambda image: encoded(image.quantize(64), "PNG"),
    "hole": lambda image: encoded(image.quantize(32), "PNG", transparency=3),
    "alpha": lambda image: encoded(_seen_through(image), "PNG"),
    "grey alpha": lambda image: encoded(_seen_through(image).convert("LA"), "PNG"),
    "deep": _deep,
    "bits": lambda image: encoded(image.convert("1"), "PNG"),
    "webp": lambda image: encoded(image, "WEBP"),
    "lossless": lambda image: encoded(image, "WEBP", lossless=True),
    "clear webp": lambda image: encoded(_seen_through(image), "WEBP"),
}
