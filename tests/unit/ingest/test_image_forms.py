"""The form around an image: whatever it is, it gets a verdict, and takes little memory."""

import tracemalloc

import pytest

from services.ingest.prompts.reading import _image
from shared.problems import Problem

MB = 10**6
FILE = b"Content-Disposition: form-data; name=image; filename=a.jpg\r\n"


def form(*headers: bytes) -> bytes:
    return b"--x\r\n" + b"".join(headers) + b"\r\nthe image\r\n--x--\r\n"


def test_the_only_file_is_the_image() -> None:
    assert _image(form(FILE), "x") == b"the image"
    assert _image(form(FILE, b"X-Camera: " + b"a" * 12_000 + b"\r\n"), "x") == b"the image"


def test_an_image_may_look_like_a_form() -> None:
    for image in (b"\r\n" * MB, b"\r" * MB, b"\r\n--" * MB, b"\r\n--xy" * MB, b"\r\n\r\n" * MB):
        assert _image(form(FILE).replace(b"the image", image), "x") == image


@pytest.mark.parametrize(
    "told",
    [
        b"form-data",
        b"form-data; name",
        b"form-data; filename=a.jpg",
        b"attachment; filename=a.jpg",
        b'form-data; name="image; filename=a.jpg',
        b'form-data; name=""; filename=a.jpg',
    ],
)
def test_a_part_without_a_name_is_refused(told: bytes) -> None:
    with pytest.raises(Problem) as caught:
        _image(form(b"Content-Disposition: " + told + b"\r\n"), "x")
    assert (caught.value.status, caught.value.code) == (400, "unknown_field")


@pytest.mark.parametrize("line", [b"a: b\r\n", b" b\r\n", b"a" * 99, b"a*0=b; "])
def test_headers_of_parts_are_short(line: bytes) -> None:
    body = form(FILE, line * (MB // len(line)), b"\r\n")
    tracemalloc.start()
    try:
        with pytest.raises(Problem) as caught:
            _image(body, "x")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (caught.value.status, caught.value.code) == (400, "bad_request")
    assert most < MB
