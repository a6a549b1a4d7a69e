"""Links through Cloud CDN: what plays, under which name, and every way to spoil them."""

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from google.cloud.storage import Client

from deploy.local.http import Server
from deploy.local.storage.edge import BackendBucket
from deploy.local.storage.server import application
from deploy.local.storage.state import State
from deploy.local.topology import create_buckets
from shared import delivery
from shared.cdn import CdnUrls, Key, read_keys, signed_prefix, signed_url
from shared.gcp.storage import BucketObjects, storage_client
from shared.messages import FileObject
from tests.support.api import storage_at

DATA = bytes(range(256)) * 8
OLD = "old:AAAAAAAAAAAAAAAAAAAAAA=="
NEW = "new:nZtRohdNF9m3cKM24IcK4w=="


class Edge:
    """Our Cloud Storage behind our Cloud CDN, which has one key; a bucket with one file."""

    def __init__(self, cdn: BackendBucket, url: str, client: Client) -> None:
        self.cdn = cdn
        self.url = url
        cdn.bucket = f"b-{secrets.token_hex(6)}"
        bucket = client.bucket(cdn.bucket)
        bucket.versioning_enabled = True
        bucket.cors = [{"origin": ["*"], "method": ["GET"], "responseHeader": ["ETag"]}]
        bucket.create()
        self.objects = BucketObjects(client, cdn.bucket)
        self.has(OLD)
        self.file = self.stored(DATA)

    def has(self, *texts: str) -> None:
        """Put exactly these keys on the backend bucket."""
        self.cdn.keys = {key.name: key.secret for key in read_keys(" ".join(texts))}

    def stored(self, data: bytes, name: str = "audio/a b+ü.wav", replaces: int = 0) -> FileObject:
        saved = delivery.disposition("motif-r1.wav", download=True)
        made = self.objects.write(name, data, "audio/wav", replaces=replaces, disposition=saved)
        assert made
        return FileObject(
            mime_type="audio/wav",
            uri=self.objects.uri(name),
            generation=made.generation,
            size_bytes=made.size_bytes,
            crc32c=made.crc32c,
        )

    def link(self, file: FileObject | None = None, *, key: str = OLD, age: float = 0) -> str:
        """A link made *age* seconds ago."""
        urls = CdnUrls(self.url, one(key), now=lambda: time.time() - age)
        return urls.url(file or self.file, "motif-r1.wav")

    def prefixed(self, prefix: str, path: str, *, key: str = OLD, age: float = 0) -> str:
        """*path* under a signed prefix, both below the host."""
        query = signed_prefix(f"{self.url}{prefix}", one(key), int(time.time() + 900 - age))
        return f"{self.url}{path}{'&' if '?' in path else '?'}{query}"


def one(text: str) -> Key:
    return read_keys(text)[0]


@pytest.fixture(scope="module")
def served(
    keys_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[BackendBucket, str]]:
    data = tmp_path_factory.mktemp("edge")
    state, cdn = State(data), BackendBucket()
    with Server(application(state, data, keys_folder, cdn)) as server:
        yield cdn, server.url
    state.close()


@pytest.fixture
def edge(served: tuple[BackendBucket, str]) -> Iterator[Edge]:
    with storage_at(served[1]):
        client = storage_client("motif-local")
    yield Edge(*served, client)
    client.close()


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=5)


def forbidden(answer: requests.Response) -> bool:
    """Whether the edge has refused it, as Google does: 403, a page, not a byte of the object."""
    html = answer.headers["Content-Type"].startswith("text/html")
    return answer.status_code == 403 and html and DATA[:16] not in answer.content


def test_a_cdn_link_plays_under_the_objects_name(edge: Edge) -> None:
    answer = get(edge.link())
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["Content-Type"] == "audio/wav"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="motif-r1.wav"'
    assert answer.headers["Cache-Control"] == "private, max-age=900, immutable"
    head = requests.head(edge.link(), timeout=5)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(DATA)))


def test_a_player_can_seek_at_the_edge(edge: Edge) -> None:
    answer = get(edge.link(), Range="bytes=100-199", Origin="https://page.example")
    assert (answer.status_code, answer.content) == (206, DATA[100:200])
    assert answer.headers["Content-Range"] == f"bytes 100-199/{len(DATA)}"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert get(edge.link(), Range="bytes=99999-").status_code == 416


def test_a_page_may_ask_at_the_edge_before_it_seeks(edge: Edge) -> None:
    page = {"Origin": "https://page.example", "Access-Control-Request-Method": "GET"}
    asked = page | {"Access-Control-Request-Headers": "if-none-match,range"}
    with storage_at(edge.url):
        create_buckets("motif-local", f"{edge.cdn.bucket}-p", f"{edge.cdn.bucket}-o")
    edge.cdn.bucket = f"{edge.cdn.bucket}-o"
    answer = requests.options(edge.link(), headers=asked, timeout=5)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(",")
    assert {"if-none-match", "range"} <= {*allowed}
    assert forbidden(requests.options(edge.link(age=901), headers=asked, timeout=5))


def test_who_has_it_already_gets_no_byte_from_the_edge(edge: Edge) -> None:
    first = get(edge.link())
    again = get(edge.link(), **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["Cache-Control"] == first.headers["Cache-Control"]


def test_a_cdn_link_stays_with_its_generation(edge: Edge) -> None:
    old = edge.link()
    newer = edge.stored(b"newer", replaces=edge.file.generation)
    assert get(old).content == DATA
    assert get(edge.link(newer)).content == b"newer"


@pytest.mark.parametrize(("age", "status"), [(0, 200), (840, 200), (901, 403)])
def test_a_cdn_link_is_refused_when_its_time_is_over(edge: Edge, age: int, status: int) -> None:
    assert get(edge.link(age=age)).status_code == status
    path = f"/audio/a%20b+ü.wav?generation={edge.file.generation}"
    assert get(edge.prefixed("/audio/", path, age=age)).status_code == status


ALTERATIONS: dict[str, Callable[[str], str]] = {
    "another path": lambda url: url.replace(".wav?", ".mp3?"),
    "another generation": lambda url: url.replace("generation=", "generation=1"),
    "no generation": lambda url: url.replace("generation=", "x="),
    "a longer life": lambda url: url.replace("Expires=", "Expires=1"),
    "another key's name": lambda url: url.replace("KeyName=old", "KeyName=new"),
    "an unknown key": lambda url: url.replace("KeyName=old", "KeyName=x"),
    "another signature": lambda url: url[:-2] + ("AA" if url[-2:] != "AA" else "BB"),
    "an empty signature": lambda url: url.partition("Signature=")[0] + "Signature=",
    "one more parameter before": lambda url: url.replace("&Expires", "&x=1&Expires"),
    "one more parameter behind": lambda url: f"{url}&x=1",
    "another order": lambda url: url.replace("&KeyName=old", "").replace("?", "?KeyName=old&"),
    "a signature twice": lambda url: f"{url}&Signature={url.rpartition('=')[0][-27:]}=",
    "no time": lambda url: url.replace("Expires=", "Expired="),
    "no name": lambda url: url.replace("&KeyName=old", ""),
}


@pytest.mark.parametrize("alter", ALTERATIONS.values(), ids=ALTERATIONS.keys())
def test_an_altered_cdn_link_is_refused(edge: Edge, alter: Callable[[str], str]) -> None:
    edge.has(OLD, NEW)
    altered = alter(edge.link())
    assert altered != edge.link()
    assert forbidden(get(altered))


def test_what_is_not_signed_gets_to_a_private_bucket(edge: Edge) -> None:
    """The edge lets it through, and Cloud Storage tells nobody in particular nothing."""
    for url in (edge.link().partition("?")[0], edge.link().partition("&Signature")[0]):
        answer = get(url)
        assert (answer.status_code, "AccessDenied" in answer.text) == (403, True)


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_a_cdn_link_is_for_reading_only(edge: Edge, method: str) -> None:
    assert forbidden(requests.request(method, edge.link(), data=b"x", timeout=5))
    assert edge.objects.read("audio/a b+ü.wav") == DATA


def test_the_links_query_says_nothing_to_the_bucket(edge: Edge) -> None:
    """What Google does not promise behind a backend bucket must not seem to work here."""
    plain = f"{edge.url}/audio/a%20b+%C3%BC.wav?response-content-disposition=inline"
    answer = get(signed_url(plain, one(OLD), int(time.time()) + 60))
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_a_prefix_opens_what_is_below_it_and_nothing_else(edge: Edge) -> None:
    edge.stored(b"clip", "clips/r1/0-1.wav")
    inside = get(edge.prefixed("/audio/", "/audio/a%20b+ü.wav?x=1"), Range="bytes=-2")
    assert (inside.status_code, inside.content) == (206, DATA[-2:])
    assert get(edge.prefixed("/audio/", "/audio/a%20b+ü.wav") + "&x=1").status_code == 200
    assert forbidden(get(edge.prefixed("/audio/", "/clips/r1/0-1.wav")))
    assert forbidden(get(edge.prefixed("/clips/", "/audio/a%20b+ü.wav")))
    assert get(edge.prefixed("/clips/", "/clips/r1/0-1.wav")).content == b"clip"


def test_an_altered_prefix_is_refused(edge: Edge) -> None:
    url = edge.prefixed("/audio/", "/audio/a%20b+ü.wav")
    wider = signed_prefix(f"{edge.url}/", one(OLD), 1).partition("&")[0]
    mine = signed_prefix(f"{edge.url}/audio/", one(OLD), 1).partition("&")[0]
    for altered in (
        url.replace(mine, wider),
        url.replace("Expires=", "Expires=1"),
        url.replace(mine, "URLPrefix=%"),
        f"{url[:-2]}{'AA' if url[-2:] != 'AA' else 'BB'}",
    ):
        assert altered != url
        assert forbidden(get(altered))


def test_keys_are_rotated_without_a_broken_link(edge: Edge) -> None:
    before = edge.link(key=OLD)
    assert forbidden(get(edge.link(key=NEW)))
    edge.has(NEW, OLD)
    assert [get(edge.link(key=key)).status_code for key in (OLD, NEW)] == [200, 200]
    edge.has(NEW)
    assert forbidden(get(before))
    assert forbidden(get(edge.prefixed("/audio/", "/audio/a%20b+ü.wav", key=OLD)))
    assert get(edge.link(key=NEW)).content == DATA


def test_a_missing_object_is_cloud_storages_own_404(edge: Edge) -> None:
    gone = edge.file.model_copy(update={"generation": 1})
    answer = get(edge.link(gone))
    assert (answer.status_code, "NoSuchKey" in answer.text) == (404, True)
