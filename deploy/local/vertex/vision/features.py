"""What can be measured of an image without knowing what it shows."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import numpy as np
from PIL import Image

_SIDE: Final = 384
_LIGHT: Final = np.array([0.2126, 0.7152, 0.0722], np.float32)
_HUES: Final = 12
_DARK, _BRIGHT, _VIVID = 0.1, 0.82, 0.2
_MOST_PIXELS: Final = 2**22


@dataclass(frozen=True)
class Features:
    """Shares and means, 0 to 1; the hues are shares of all colour that there is."""

    light: float
    contrast: float
    colour: float
    """Mean chroma: what is dark or grey has none."""
    tint: float
    """Chroma by light: how coloured it looks, also where it is dark."""
    variety: float
    """Colourfulness of Hasler and Suesstrunk."""
    edges: float
    dark: float
    bright: float
    lamps: float
    """Coloured light where most of the image is dark."""
    warm: float
    green: float
    cool: float
    violet: float


def features(data: bytes) -> Features:
    """Of an image file. Raises OSError or ValueError when it is none."""
    with Image.open(BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as image:
        if image.width * image.height > _MOST_PIXELS:
            raise ValueError("too large")
        small = image.convert("RGB")
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    rgb = np.asarray(small, np.float32) / 255
    hsv = np.asarray(small.convert("HSV"), np.float32) / 255
    light, colour = rgb @ _LIGHT, hsv[..., 1] * hsv[..., 2]
    hues = _hues(hsv[..., 0], colour)
    return Features(
        light=float(light.mean()),
        contrast=float(light.std()),
        colour=float(colour.mean()),
        tint=float(min(1.0, colour.mean() / (light.mean() + 0.02))),
        variety=_variety(rgb),
        edges=_edges(light),
        dark=float((light < _DARK).mean()),
        bright=float((light > _BRIGHT).mean()),
        lamps=_lamps(light, colour),
        warm=float(hues[[0, 1, 11]].sum()),
        green=float(hues[2:6].sum()),
        cool=float(hues[6:9].sum()),
        violet=float(hues[9:11].sum()),
    )


def _hues(hue: Any, weight: Any) -> Any:
    found = np.histogram(hue, bins=_HUES, range=(0, 1), weights=weight)[0]
    return found / (found.sum() + 1e-9)


def _variety(rgb: Any) -> float:
    reds = rgb[..., 0] - rgb[..., 1]
    blues = (rgb[..., 0] + rgb[..., 1]) / 2 - rgb[..., 2]
    return float(np.hypot(reds.std(), blues.std()) + 0.3 * np.hypot(reds.mean(), blues.mean()))


def _edges(light: Any) -> float:
    across = np.abs(np.diff(light, axis=1)).mean() if light.shape[1] > 1 else 0.0
    down = np.abs(np.diff(light, axis=0)).mean() if light.shape[0] > 1 else 0.0
    return float(across + down)


def _lamps(light: Any, colour: Any) -> float:
    around = float(np.median(light))
    return float(((light > around + _DARK) & (colour > _VIVID)).mean()) if around < _DARK else 0.0
