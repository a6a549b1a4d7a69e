import base64
import gc
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import google_crc32c
import pytest
import requests
from google.cloud.storage import Client
from google.cloud.storage.retry import DEFAULT_RETRY

from shared.errors import StorageUnavailable
from shared.gcp.storage import BucketObjects, storage_client
from shared.ports import Stored
from tests.support.api import storage_at

# Google's client leaves the connection of a download that failed to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
MIME = "audio/wav"
CALLS: list[Callable[[BucketObjects], object]] = [
    lambda objects: objects.look("a"),
    lambda objects: objects.read("a"),
    lambda objects: objects.write("a", b"x", MIME, replaces=0),
]


@pytest.fixture(autouse=True)
def swept() -> Iterator[None]:
    """What this test leaves to the garbage collector is collected before the next one."""
    yield
    gc.collect()


@pytest.fixture
def client(storage_url: str) -> Iterator[Client]:
    with storage_at(storage_url):
        client = storage_client("motif-local")
    yield client
    client.close()


@pytest.fixture
def objects(client: Client) -> BucketObjects:
    name = f"b-{secrets.token_hex(6)}"
    client.create_bucket(name)
    return BucketObjects(client, name)


@pytest.fixture
def spoil(storage_url: str) -> Iterator[Callable[..., None]]:
    """`spoil(action, method=..., count=...)`: what the server does wrong from now on."""

    def spoil(action: dict[str, Any], *, count: int = 1, **match: str) -> None:
        rules = [{"match": match, "action": action, "count": count}]
        requests.post(f"{storage_url}/_faults", json=rules, timeout=5).raise_for_status()

    yield spoil
    requests.delete(f"{storage_url}/_faults", timeout=5)


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeats at once, not after a second."""
    monkeypatch.setattr("shared.gcp.storage._RETRY", DEFAULT_RETRY.with_delay(initial=0.02))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives up after a third of a second instead of twenty."""
    monkeypatch.setattr("shared.gcp.storage._TIMEOUT", 0.3)
    quick = DEFAULT_RETRY.with_delay(initial=0.02).with_timeout(0.3)
    monkeypatch.setattr("shared.gcp.storage._RETRY", quick)


def written(objects: BucketObjects, name: str, data: bytes, replaces: int = 0) -> Stored:
    stored = objects.write(name, data, MIME, replaces=replaces)
    assert stored is not None
    return stored


def test_bytes_and_what_is_known_of_them_come_back(objects: BucketObjects) -> None:
    data = bytes(range(256)) * 40
    stored = objects.write("clips/r1/0-1.wav", data, MIME, replaces=0, metadata={"seed": "7"})
    assert stored is not None
    assert objects.look("clips/r1/0-1.wav") == stored
    assert objects.read("clips/r1/0-1.wav") == data
    assert (stored.size_bytes, stored.metadata) == (len(data), {"seed": "7"})
    crc32c = google_crc32c.value(data).to_bytes(4, "big")
    assert base64.b64decode(stored.crc32c) == crc32c
    assert objects.uri("a/b.wav").endswith("/a/b.wav")


def test_what_links_lead_to_says_how_it_is_saved_and_kept(
    client: Client, objects: BucketObjects
) -> None:
    saved = 'attachment; filename="motif-r1.wav"'
    assert objects.write("a", b"x", MIME, replaces=0, disposition=saved)
    assert objects.write("b", b"x", MIME, replaces=0)
    found = [client.bucket(objects.uri("").split("/")[2]).get_blob(name) for name in "ab"]
    assert [blob.content_disposition for blob in found] == [saved, None]
    kept = "private, max-age=900, immutable"
    assert [blob.cache_control for blob in found] == [kept, None]


def test_what_is_not_there_is_none_to_look_at_and_a_failure_to_read(
    objects: BucketObjects,
) -> None:
    assert objects.look("a") is None
    with pytest.raises(StorageUnavailable, match="NotFound"):
        objects.read("a")


def test_no_name_is_too_strange(objects: BucketObjects) -> None:
    for name in ("a b", "ä/ö?x=1#y", "a%2Fb", "a+b&c", "a//b"):
        written(objects, name, name.encode())
        assert objects.read(name) == name.encode()


def test_a_write_replaces_only_what_it_names(objects: BucketObjects) -> None:
    first = written(objects, "a", b"one")
    assert objects.write("a", b"two", MIME, replaces=0) is None
    assert objects.write("a", b"two", MIME, replaces=first.generation + 1) is None
    assert objects.read("a") == b"one"
    second = written(objects, "a", b"two", replaces=first.generation)
    assert second.generation > first.generation
    assert objects.write("a", b"three", MIME, replaces=first.generation) is None
    assert (objects.read("a"), objects.look("a")) == (b"two", second)
    assert objects.write("b", b"x", MIME, replaces=first.generation) is None
    assert objects.look("b") is None


def test_a_large_object_is_written_under_the_same_conditions(objects: BucketObjects) -> None:
    data = secrets.token_bytes(9 * 1024 * 1024)
    stored = written(objects, "a", data)
    assert objects.write("a", data[::-1], MIME, replaces=0) is None
    assert objects.read("a") == data
    assert stored.size_bytes == len(data)


@pytest.mark.parametrize("there", [False, True])
def test_of_sixteen_writers_at_once_one_writes(objects: BucketObjects, *, there: bool) -> None:
    replaces = written(objects, "a", b"before").generation if there else 0
    gate = threading.Barrier(16)

    def one(number: int) -> tuple[bytes, Stored | None]:
        data = f"writer {number}".encode()
        gate.wait()
        return data, objects.write("a", data, MIME, replaces=replaces)

    with ThreadPoolExecutor(16) as pool:
        won = [(data, stored) for data, stored in pool.map(one, range(16)) if stored]
    ((data, stored),) = won
    assert (objects.read("a"), objects.look("a")) == (data, stored)


@pytest.mark.parametrize("action", [{"status": 503}, {"status": 429}, {"reset": True}], ids=str)
def test_one_fault_is_not_noticed(
    objects: BucketObjects, spoil: Callable[..., None], brisk: None, action: dict[str, Any]
) -> None:
    for method in ("POST", "GET"):
        spoil(action, method=method)
    written(objects, "a", b"x" * 1000)
    assert objects.read("a") == b"x" * 1000


def test_half_an_answer_is_no_object(
    objects: BucketObjects, spoil: Callable[..., None], impatient: None
) -> None:
    data = secrets.token_bytes(100_000)
    written(objects, "a", data)
    spoil({"cut": 50_000}, method="GET")
    assert objects.read("a") == data
    spoil({"cut": 10}, method="GET", count=-1)
    with pytest.raises(StorageUnavailable):
        objects.read("a")


def test_a_write_whose_answer_is_lost_looks_like_somebody_elses(
    objects: BucketObjects, spoil: Callable[..., None], brisk: None
) -> None:
    spoil({"commit_then_reset": True}, method="POST")
    assert objects.write("a", b"mine", MIME, replaces=0) is None
    assert objects.read("a") == b"mine"


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("action", [{"status": 503}, {"status": 403}, {"reset": True}], ids=str)
def test_a_fault_that_stays_is_said_in_time(
    objects: BucketObjects,
    spoil: Callable[..., None],
    impatient: None,
    call: Callable[[BucketObjects], object],
    action: dict[str, Any],
) -> None:
    spoil(action, count=-1)
    begun = time.monotonic()
    with pytest.raises(StorageUnavailable):
        call(objects)
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("listens", [False, True])
def test_no_answer_is_said_in_time(
    impatient: None, call: Callable[[BucketObjects], object], *, listens: bool
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:
            silent.listen()
        with storage_at(f"http://127.0.0.1:{silent.getsockname()[1]}"):
            client = storage_client("motif-local")
        begun = time.monotonic()
        with pytest.raises(StorageUnavailable) as caught:
            call(BucketObjects(client, "b"))
        assert time.monotonic() - begun < 3
        assert caught.value.code == "storage_unavailable"
        client.close()


def test_a_bucket_that_is_not_there_takes_nothing(client: Client) -> None:
    with pytest.raises(StorageUnavailable, match="NotFound"):
        BucketObjects(client, "nowhere").write("a", b"x", MIME, replaces=0)


def test_a_purge_leaves_no_generation(client: Client) -> None:
    bucket = client.bucket(f"b-{secrets.token_hex(6)}")
    bucket.versioning_enabled = True
    bucket.create()
    objects = BucketObjects(client, bucket.name)
    for name in ("a/1", "a/2", "a/2", "ab", "b"):
        live = objects.look(name)
        written(objects, name, b"x", replaces=live.generation if live else 0)
    gone = objects.look("a/1")
    assert gone
    objects.delete(gone)
    for _ in range(2):
        objects.purge("a/")
        left = [blob.name for blob in client.list_blobs(bucket.name, versions=True)]
        assert left == ["ab", "b"]


@pytest.mark.usefixtures("impatient")
def test_a_purge_that_is_cut_short_is_said_as_such(
    objects: BucketObjects, spoil: Callable[..., None]
) -> None:
    written(objects, "a/1", b"x")
    spoil({"status": 503}, count=100, method="DELETE")
    with pytest.raises(StorageUnavailable):
        objects.purge("a/")
    assert objects.look("a/1")
