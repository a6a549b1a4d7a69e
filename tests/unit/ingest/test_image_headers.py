"""Headers of images: what they claim is read right, whatever else the bytes are."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from services.ingest.prompts.headers import BrokenHeader, Header, header
from services.ingest.prompts.pictures import checked
from shared.problems import Problem
from tests.support.images import encoded, ordinary, png, png_chunk, sunset
from tests.support.traps import hostile

BEGINNINGS = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    b"\xff\xd8\xff",
    b"RIFF\0\0\0\0WEBP",
    b"RIFF\0\0\0\0WEBPVP8X",
    b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f",
    b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a",
)


def test_every_type_and_mode_is_read_as_the_library_reads_it() -> None:
    from io import BytesIO

    for name, data in ordinary(105):
        found = header(data)
        assert found, name
        with Image.open(BytesIO(data)) as image:
            assert (found.kind, found.width, found.height) == (image.format, *image.size), name
        assert not found.animated, name


@given(st.sampled_from(BEGINNINGS), st.binary(max_size=80))
def test_whatever_follows_a_beginning_has_a_verdict(begin: bytes, rest: bytes) -> None:
    try:
        found = header(begin + rest)
    except BrokenHeader:
        return
    assert found is not None
    assert found.width > 0 < found.height


@given(st.integers(1, 2**31 - 1), st.integers(1, 2**31 - 1))
def test_a_png_may_claim_any_size(width: int, height: int) -> None:
    data = png(width, height, png_chunk(b"IDAT", b""))
    assert header(data) == Header("PNG", width, height)
    if width * height > 40_000_000:
        with pytest.raises(Problem) as refused:
            checked(data)
        assert refused.value.code == "image_too_many_pixels"


def test_fill_bytes_and_lone_markers_before_the_frame_are_passed_over() -> None:
    data = encoded(sunset())
    assert header(data[:2] + b"\xff\xff\xff" + data[2:]) == header(data)
    comment = b"\xff\xfe" + struct.pack(">H", 6) + b"note"
    assert header(data[:2] + comment + data[2:]) == header(data)


def test_what_is_refused_by_its_header_needs_no_library() -> None:
    early = {"image_type", "image_too_many_pixels", "image_animated"}
    found = {name: wanted for name, wanted in hostile().items() if wanted[1][1] in early}
    assert len(found) > 15
    for name, (data, (status, code)) in found.items():
        with pytest.raises(Problem) as refused:
            checked(data)
        assert (refused.value.status, refused.value.code) == (status, code), name
