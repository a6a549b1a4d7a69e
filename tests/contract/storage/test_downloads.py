"""Downloads: ranges and headers."""

import pytest
import requests
from google.api_core.exceptions import RequestRangeNotSatisfiable
from google.cloud.storage import Bucket


@pytest.fixture
def media(bucket: Bucket, url: str) -> str:
    bucket.blob("a").upload_from_string(b"0123456789", content_type="text/x")
    return f"{url}/download/storage/v1/b/{bucket.name}/o/a?alt=media"


@pytest.mark.parametrize(
    ("span", "status", "body", "shown"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-30", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=0-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=4-2", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_ranges(media: str, span: str, status: int, body: bytes, shown: str | None) -> None:
    answer = requests.get(media, headers={"Range": span}, timeout=5)
    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers.get("Content-Range") == shown


def test_the_client_reads_ranges(bucket: Bucket, media: str) -> None:
    blob = bucket.blob("a")
    assert blob.download_as_bytes(start=2, end=4) == b"234"
    with pytest.raises(RequestRangeNotSatisfiable):
        blob.download_as_bytes(start=10)
    with blob.open("rb", chunk_size=4) as stream:
        stream.seek(8)
        assert stream.read() == b"89"


def test_headers_describe_the_generation(bucket: Bucket, media: str) -> None:
    blob = bucket.get_blob("a")
    blob.metadata = {"seed": "7"}
    blob.content_disposition = "attachment"
    blob.patch()
    headers = requests.head(media, timeout=5).headers
    assert headers["Content-Length"] == "10"
    assert headers["Content-Type"] == "text/x"
    assert headers["Content-Disposition"] == "attachment"
    assert headers["X-Goog-Generation"] == str(blob.generation)
    assert headers["X-Goog-Metageneration"] == "2"
    assert headers["X-Goog-Meta-Seed"] == "7"
    assert headers["X-Goog-Hash"] == f"crc32c={blob.crc32c},md5={blob.md5_hash}"


def test_a_read_that_wants_news_gets_304(bucket: Bucket, media: str) -> None:
    generation = bucket.get_blob("a").generation
    same = requests.get(f"{media}&ifGenerationNotMatch={generation}", timeout=5)
    assert (same.status_code, same.content) == (304, b"")


@pytest.mark.parametrize(
    ("tags", "status"),
    [("{}", 304), ("W/{}", 304), ('"x", {}', 304), ("*", 304), ('"x"', 206), ("", 206)],
)
def test_who_has_the_bytes_is_told_so(media: str, tags: str, status: int) -> None:
    tag = requests.head(media, timeout=5).headers["ETag"]
    asked = {"If-None-Match": tags.format(tag), "Range": "bytes=0-99"}
    answer = requests.get(media, headers=asked, timeout=5)
    assert answer.status_code == status
    assert answer.content == (b"" if status == 304 else b"0123456789")
    assert answer.headers["ETag"] == tag
