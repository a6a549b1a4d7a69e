"""Uploads of every kind, and what breaks them."""

import os
from collections.abc import Callable
from typing import Any

import pytest
import requests
from google.api_core.exceptions import BadRequest, PreconditionFailed
from google.cloud.storage import Bucket
from google.cloud.storage.exceptions import InvalidResponse

CHUNK = 256 * 1024


@pytest.mark.parametrize("size", [0, 1, CHUNK, 2 * CHUNK, 2 * CHUNK + 1])
def test_a_written_stream_arrives_in_chunks(bucket: Bucket, size: int) -> None:
    data = os.urandom(size)
    with bucket.blob("a").open("wb", chunk_size=CHUNK, content_type="audio/wav") as stream:
        stream.write(data)
    blob = bucket.get_blob("a")
    assert (blob.size, blob.content_type) == (size, "audio/wav")
    assert blob.download_as_bytes() == data


def test_a_stream_of_unknown_length_is_create_only_on_wish(bucket: Bucket) -> None:
    with bucket.blob("a").open("wb", chunk_size=CHUNK, if_generation_match=0) as stream:
        stream.write(b"1" * 2 * CHUNK)
    stream = bucket.blob("a").open("wb", chunk_size=CHUNK, if_generation_match=0)
    with pytest.raises(InvalidResponse) as refused:
        stream.write(b"2" * 2 * CHUNK)
    assert refused.value.response.status_code == 412
    stream.terminate()  # else it would try once more when it is collected


def test_a_stream_that_loses_the_race_is_refused_at_its_end(bucket: Bucket) -> None:
    stream = bucket.blob("a").open("wb", chunk_size=CHUNK, if_generation_match=0)
    stream.write(b"1" * 2 * CHUNK)
    bucket.blob("a").upload_from_string(b"winner")
    with pytest.raises(InvalidResponse) as refused:
        stream.close()
    assert refused.value.response.status_code == 412
    stream.terminate()  # else it would try once more when it is collected
    assert bucket.blob("a").download_as_bytes() == b"winner"


def test_a_large_file_goes_by_a_resumable_session(bucket: Bucket, tmp_path: Any) -> None:
    file = tmp_path / "9MB"
    file.write_bytes(os.urandom(9_000_000))
    blob = bucket.blob("a")
    blob.upload_from_filename(file, if_generation_match=0)
    assert blob.size == 9_000_000
    assert blob.download_as_bytes() == file.read_bytes()
    with pytest.raises(PreconditionFailed):
        bucket.blob("a").upload_from_filename(file, if_generation_match=0)


@pytest.mark.parametrize("field", ["crc32c", "md5_hash"])
def test_a_wrong_checksum_is_refused(bucket: Bucket, field: str) -> None:
    blob = bucket.blob("a")
    setattr(blob, field, "AAAAAA==")
    with pytest.raises(BadRequest):
        blob.upload_from_string(b"x", checksum=None)
    assert not bucket.blob("a").exists()


def test_a_simple_upload_checks_its_hash_header(bucket: Bucket, url: str) -> None:
    where = f"{url}/upload/storage/v1/b/{bucket.name}/o?uploadType=media&name=a"
    bad = requests.post(where, data=b"x", headers={"X-Goog-Hash": "crc32c=AAAAAA=="}, timeout=5)
    assert bad.status_code == 400
    good = requests.post(where, data=b"x", headers={"Content-Type": "audio/wav"}, timeout=5)
    assert good.json()["contentType"] == "audio/wav"


def session(bucket: Bucket) -> str:
    url: str = bucket.blob("a").create_resumable_upload_session(if_generation_match=0)
    return url


def put(url: str, data: bytes, span: str) -> requests.Response:
    return requests.put(url, data=data, headers={"Content-Range": f"bytes {span}"}, timeout=5)


def test_a_session_tells_how_far_it_is_and_repeats_its_end(bucket: Bucket) -> None:
    where = session(bucket)
    assert "Range" not in put(where, b"", "*/*").headers
    assert put(where, b"123", "0-2/*").headers["Range"] == "bytes=0-2"
    assert put(where, b"", "*/5").headers["Range"] == "bytes=0-2"
    ended = put(where, b"2345", "1-4/5")
    assert ended.json()["size"] == "5"
    assert put(where, b"", "*/5").json() == ended.json()
    assert bucket.blob("a").download_as_bytes() == b"12345"


def test_a_session_refuses_gaps_and_surplus(bucket: Bucket) -> None:
    where = session(bucket)
    assert put(where, b"3", "2-2/*").status_code == 400
    assert put(where, b"12345", "0-4/4").status_code == 400
    assert put(where, b"1", "one").status_code == 400


def test_a_cancelled_session_is_gone(bucket: Bucket) -> None:
    where = session(bucket)
    assert requests.delete(where, timeout=5).status_code == 499
    assert put(where, b"1", "0-0/1").status_code == 404


def test_a_broken_chunk_goes_on_where_it_broke(bucket: Bucket, arm: Callable[..., None]) -> None:
    where, data = session(bucket), os.urandom(CHUNK)
    arm({"after_bytes": 100_000}, method="PUT", object="^a$")
    with pytest.raises(requests.ConnectionError):
        put(where, data, f"0-{CHUNK - 1}/{CHUNK}")
    assert put(where, b"", f"*/{CHUNK}").headers["Range"] == "bytes=0-99999"
    assert put(where, data[100_000:], f"100000-{CHUNK - 1}/{CHUNK}").status_code == 200
    assert bucket.blob("a").download_as_bytes() == data
