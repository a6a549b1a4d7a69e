"""Why an image, or what is asked of it, was refused: each a problem with a cure."""

from math import ceil
from typing import Final

from shared.problems import RETRY_AFTER, Problem

FIELD: Final = "image"
MOST_BYTES: Final = 10 * 1000 * 1000
_OTHERS: Final = (
    ((b"GIF87a", b"GIF89a"), "a GIF"),
    ((b"BM",), "a BMP"),
    ((b"II*\0", b"MM\0*"), "a TIFF"),
    ((b"%PDF",), "a PDF"),
    ((b"<svg", b"<?xml"), "an SVG or XML"),
)
_AGAIN: Final = {"Retry-After": str(RETRY_AFTER)}


def _refused(status: int, code: str, detail: str, cure: str) -> Problem:
    return Problem(status, code, f"image: {detail}.", field=FIELD, cure=cure)


def too_large() -> Problem:
    """413: too many bytes."""
    return _refused(
        413,
        "image_too_large",
        f"more than {MOST_BYTES} bytes",
        "Make it smaller: 1024 pixels a side are plenty.",
    )


def too_slow(seconds: float) -> Problem:
    """408: whoever is read holds a place that others wait for."""
    return _refused(
        408,
        "image_too_slow",
        f"it has not arrived within {seconds:g} seconds",
        "Make it smaller: 1024 pixels a side are plenty.",
    )


def other_type(data: bytes) -> Problem:
    """415: no image of a type that we take, whatever its name and its Content-Type say."""
    begin = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    kind = next((name for starts, name in _OTHERS if begin.startswith(starts)), "")
    if data[4:8] == b"ftyp":
        kind = "HEIC, AVIF or a film"
    told = f"it is {kind} file" if kind else "it is no PNG, JPEG or WebP file"
    return _refused(415, "image_type", told, "Send a PNG, JPEG or WebP image.")


def invalid(why: str) -> Problem:
    """400: damaged, or made to do harm."""
    return _refused(400, "image_invalid", why, "Save it again as PNG or JPEG, and send that.")


def too_many_pixels(width: int, height: int, side: int, pixels: int) -> Problem:
    """400: more than we decode."""
    return _refused(
        400,
        "image_too_many_pixels",
        f"{width} x {height} pixels",
        f"Send at most {side} pixels a side and {pixels // 10**6} megapixels; 1024 a side are"
        " plenty.",
    )


def animated() -> Problem:
    """400: a film has no one mood."""
    return _refused(400, "image_animated", "it is animated", "Send one of its pictures.")


def no_such_image() -> Problem:
    """404: unknown, another tenant's, or forgotten."""
    return Problem(
        404,
        "no_such_image",
        "There is no such image, or none any more.",
        field="image_id",
        cure="Send the image to POST /v1/prompts again: what was seen in it is kept for 24 hours.",
    )


def blocked() -> Problem:
    """422: the model's safety filter."""
    return _refused(
        422,
        "image_blocked",
        "the model's safety filter refused it",
        "Send another image, or describe the music in words.",
    )


def not_understood() -> Problem:
    """502: twice the model said nothing that could be used."""
    return _refused(
        502,
        "image_not_understood",
        "the model made no usable prompt of it",
        "Try again, or describe the music in words.",
    )


def model_away() -> Problem:
    """503: no answer of the model's, or its quota is used up."""
    return Problem(
        503,
        "image_model_unavailable",
        "The model that looks at images does not answer.",
        cure="Try again after Retry-After seconds, or describe the music in words.",
        headers=_AGAIN,
    )


def busy() -> Problem:
    """503: as many images as may be are being read."""
    return Problem(
        503,
        "too_many_uploads",
        "As many images as may be are being read right now.",
        cure="Try again after Retry-After seconds.",
        headers=_AGAIN,
    )


def too_many(most: int, period: str, wait: float) -> Problem:
    """429: a look costs."""
    return Problem(
        429,
        "too_many_images",
        f"More than {most} new images in a {period}.",
        cure="Wait for as long as Retry-After says. An image that was sent before does not count.",
        headers={"Retry-After": str(ceil(wait))},
    )
