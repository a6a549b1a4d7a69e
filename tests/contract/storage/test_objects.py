"""Objects and their generations, through Google's client."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from google.api_core.exceptions import BadRequest, NotFound, PreconditionFailed
from google.cloud.storage import Bucket, Client


def test_bytes_and_metadata_come_back(bucket: Bucket) -> None:
    blob = bucket.blob("audio/ä b/1.wav")
    blob.metadata = {"request": "1"}
    blob.cache_control = "private"
    blob.upload_from_string(b"RIFF", content_type="audio/wav; x=1")
    found = bucket.get_blob("audio/ä b/1.wav")
    assert found.download_as_bytes() == b"RIFF"
    assert found.content_type == "audio/wav; x=1"
    assert found.metadata == {"request": "1"}
    assert found.cache_control == "private"
    assert (found.size, found.metageneration, found.storage_class) == (4, 1, "STANDARD")
    assert (found.crc32c, found.md5_hash) == ("HrXHnA==", "ICEl/+wjTJQcXhNsdjZ7lQ==")
    assert found.etag


@pytest.mark.parametrize("name", ["a/../b", "a//b", "a/", "?x=1", "#", "%41", "a b+c", "o/o/o"])
def test_any_name_is_just_a_name(bucket: Bucket, name: str) -> None:
    bucket.blob(name).upload_from_string(b"x")
    assert [blob.name for blob in bucket.list_blobs()] == [name]
    assert bucket.blob(name).download_as_bytes() == b"x"


def test_create_only_is_refused_the_second_time(bucket: Bucket) -> None:
    bucket.blob("a").upload_from_string(b"1", if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        bucket.blob("a").upload_from_string(b"2", if_generation_match=0)
    assert bucket.blob("a").download_as_bytes() == b"1"


def test_of_sixteen_racing_creators_one_wins(bucket: Bucket) -> None:
    together = Barrier(16)

    def create(number: int) -> int | None:
        together.wait()
        try:
            bucket.blob("a").upload_from_string(b"%d" % number, if_generation_match=0)
        except PreconditionFailed:
            return None
        return number

    with ThreadPoolExecutor(16) as pool:
        won = [number for number in pool.map(create, range(16)) if number is not None]
    assert len(won) == 1
    assert bucket.blob("a").download_as_bytes() == b"%d" % won[0]


def test_replacing_a_generation_needs_that_generation(bucket: Bucket) -> None:
    blob = bucket.blob("a")
    blob.upload_from_string(b"1")
    first = blob.generation
    blob.upload_from_string(b"2", if_generation_match=first)
    assert blob.generation > first
    with pytest.raises(PreconditionFailed):
        blob.upload_from_string(b"3", if_generation_match=first)
    with pytest.raises(PreconditionFailed):
        bucket.blob("new").upload_from_string(b"3", if_generation_match=first)
    with pytest.raises(PreconditionFailed):
        blob.upload_from_string(b"3", if_generation_not_match=blob.generation)


def test_patch_and_delete_are_conditional_too(bucket: Bucket) -> None:
    blob = bucket.blob("a")
    blob.upload_from_string(b"1")
    blob.metadata = {"x": "1", "y": "2"}
    blob.patch(if_metageneration_match=1)
    assert blob.metageneration == 2
    blob.metadata = {"x": None}
    blob.patch(if_metageneration_match=2)
    assert bucket.get_blob("a").metadata == {"y": "2"}
    with pytest.raises(PreconditionFailed):
        blob.patch(if_metageneration_match=1)
    with pytest.raises(PreconditionFailed):
        blob.delete(if_generation_match=blob.generation - 1)
    blob.delete(if_generation_match=blob.generation)
    assert not blob.exists()


def test_reads_are_conditional_too(bucket: Bucket) -> None:
    blob = bucket.blob("a")
    blob.upload_from_string(b"1")
    generation = blob.generation
    assert blob.download_as_bytes(if_generation_match=generation) == b"1"
    with pytest.raises(PreconditionFailed):
        blob.reload(if_generation_match=generation + 1)
    assert bucket.get_blob("a", if_generation_match=generation).generation == generation


def test_what_is_not_there_is_404(bucket: Bucket) -> None:
    assert bucket.get_blob("no") is None
    for act in (bucket.blob("no").download_as_bytes, bucket.blob("no").delete):
        with pytest.raises(NotFound):
            act()


def test_noncurrent_versions_keep_their_bytes(versioned: Bucket) -> None:
    blob = versioned.blob("a")
    blob.upload_from_string(b"1")
    first = blob.generation
    blob.upload_from_string(b"2")
    second = blob.generation
    versioned.blob("a").delete()  # a blob that knows its generation would delete that for good
    assert versioned.get_blob("a") is None
    for generation, data in ((first, b"1"), (second, b"2")):
        assert versioned.blob("a", generation=generation).download_as_bytes() == data
    listed = versioned.list_blobs(versions=True)
    assert [(b.generation, b.time_deleted is not None) for b in listed] == [
        (first, True),
        (second, True),
    ]
    old = versioned.blob("a", generation=first)
    old.metadata = {"x": "1"}
    old.patch()
    assert versioned.get_blob("a") is None
    old.delete()
    assert [b.generation for b in versioned.list_blobs(versions=True)] == [second]


def test_without_versioning_the_old_generation_is_gone(bucket: Bucket) -> None:
    blob = bucket.blob("a")
    blob.upload_from_string(b"1")
    first = blob.generation
    blob.upload_from_string(b"2")
    with pytest.raises(NotFound):
        bucket.blob("a", generation=first).download_as_bytes()


def test_lists_come_in_pages_with_prefixes(client: Client, bucket: Bucket) -> None:
    names = ["a", "clips/1/0.wav", "clips/1/1.wav", "clips/2/0.wav", "clips_", "z"]
    for name in reversed(names):
        bucket.blob(name).upload_from_string(b"")
    assert [b.name for b in bucket.list_blobs(page_size=2)] == names
    assert [b.name for b in bucket.list_blobs(prefix="clips/1/")] == names[1:3]
    for size in (1, 2, 10):
        found = client.list_blobs(bucket, prefix="clips", delimiter="/", page_size=size)
        assert [b.name for b in found] == ["clips_"]
        assert found.prefixes == {"clips/"}
    assert len(list(bucket.list_blobs(max_results=3))) == 3


def test_every_version_is_listed_once_over_pages(versioned: Bucket) -> None:
    made = []
    for name in ("a", "a", "a", "b"):
        blob = versioned.blob(name)
        blob.upload_from_string(b"")
        made.append((name, blob.generation))
    pages = versioned.list_blobs(versions=True, page_size=2)
    assert [(b.name, b.generation) for b in pages] == made


def test_compose_joins_bytes_and_drops_the_md5(bucket: Bucket) -> None:
    parts = [bucket.blob(name) for name in ("1", "2")]
    for part in parts:
        part.upload_from_string(part.name.encode() * 3, content_type="audio/wav")
    whole = bucket.blob("whole")
    whole.compose(parts, if_generation_match=0)
    assert whole.download_as_bytes() == b"111222"
    assert (whole.component_count, whole.md5_hash, whole.content_type) == (2, None, "audio/wav")
    with pytest.raises(PreconditionFailed):
        whole.compose(parts, if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        whole.compose(parts, if_source_generation_match=[parts[0].generation, 1])
    with pytest.raises(NotFound):
        whole.compose([bucket.blob("no")])
    with pytest.raises(BadRequest):
        whole.compose(parts * 17)
