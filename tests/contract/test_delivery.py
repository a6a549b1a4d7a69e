"""The links that ingest gives, V4 and through Cloud CDN: one setting, the same files."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask.testing import FlaskClient

from deploy.local.http import Server
from deploy.local.storage.edge import BackendBucket
from deploy.local.storage.server import application
from deploy.local.storage.state import State
from shared import delivery
from shared.cdn import read_keys
from shared.gcp.storage import BucketObjects, storage_client
from shared.messages import AudioObject
from shared.track import Status
from tests.support.api import Api, api, refused, storage_at
from tests.support.emulation import Emulators

DATA = bytes(range(256)) * 8
KEYS = "new:nZtRohdNF9m3cKM24IcK4w== old:AAAAAAAAAAAAAAAAAAAAAA=="


@pytest.fixture(scope="module")
def behind(
    emulators: Emulators, keys_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """Ingest whose bucket is also behind our Cloud CDN, which has both keys."""
    data = tmp_path_factory.mktemp("edge")
    state, cdn = State(data), BackendBucket()
    with Server(application(state, data, keys_folder, cdn)) as server, api(server.url) as made:
        cdn.bucket = made.output
        cdn.keys = {key.name: key.secret for key in read_keys(KEYS)}
        yield made
    state.close()


def ingest(behind: Api, mode: str, **changes: Any) -> FlaskClient:
    """Ingest with links of *mode*."""
    known: dict[str, Any] = {"cdn_url": behind.storage_url, "cdn_keys": KEYS}
    return behind.make(audio_delivery=mode, **(known | changes)).test_client()


def listened_to(behind: Api) -> AudioObject:
    """A file that can be fetched: of a track that is still being made."""
    request_id = behind.accepted()
    with storage_at(behind.storage_url):
        objects = BucketObjects(storage_client(behind.project), behind.output)
    name, saved = f"audio/{request_id}.wav", delivery.audio_name(request_id, "wav")
    offered = delivery.disposition(saved, download=True)
    stored = objects.write(name, DATA, "audio/wav", replaces=0, disposition=offered)
    assert stored
    file = AudioObject(
        format="wav",
        mime_type="audio/wav",
        uri=objects.uri(name),
        generation=stored.generation,
        size_bytes=stored.size_bytes,
        crc32c=stored.crc32c,
    )
    lease = datetime.now(UTC) + timedelta(hours=1)
    behind.change(
        request_id, status=Status.RUNNING, holder="x", lease_expires_at=lease, ready=(file,)
    )
    return file


def path_of(file: AudioObject) -> str:
    request_id = file.uri.rpartition("/")[2].removesuffix(".wav")
    return f"/v1/tracks/{request_id}/audio.wav"


# What a link says of saving, and what the stored object says where links cannot.
SAID = {
    ("v4", ""): "inline",
    ("v4", "?download=0"): "inline",
    ("v4", "?download=1"): "attachment",
    ("cdn", ""): "attachment",
    ("cdn", "?download=1"): "attachment",
}


@pytest.mark.parametrize(("mode", "query"), SAID)
def test_one_setting_switches_where_links_lead(behind: Api, mode: str, query: str) -> None:
    file = listened_to(behind)
    path = path_of(file)
    answer = ingest(behind, mode).get(f"{path}{query}")
    assert answer.status_code == 302
    link = answer.headers["Location"]
    asked = parse_qs(urlsplit(link).query)
    assert asked["generation"] == [str(file.generation)]
    assert ("X-Goog-Signature" in asked, asked.get("KeyName")) == (
        (True, None) if mode == "v4" else (False, ["new"])
    )
    part = requests.get(link, headers={"Range": "bytes=100-199"}, timeout=5)
    assert (part.status_code, part.content) == (206, DATA[100:200])
    assert part.headers["Content-Type"] == "audio/wav"
    assert part.headers["Cache-Control"] == "private, max-age=900, immutable"
    name = f"motif-{path.split('/')[3]}.wav"
    assert part.headers["Content-Disposition"] == f'{SAID[mode, query]}; filename="{name}"'
    for altered in (link.replace("generation=", "generation=1"), link.replace(".wav?", ".mp3?")):
        assert altered != link
        assert requests.get(altered, timeout=5).status_code == 403


@pytest.mark.parametrize("mode", ["v4", "cdn"])
def test_a_link_ends_with_its_file(behind: Api, mode: str) -> None:
    file = listened_to(behind)
    link = ingest(behind, mode).get(path_of(file)).headers["Location"]
    assert requests.get(link, timeout=5).status_code == 200
    with storage_at(behind.storage_url):
        objects = BucketObjects(storage_client(behind.project), behind.output)
    objects.purge(file.uri.removeprefix(f"gs://{behind.output}/").removesuffix("wav"))
    assert requests.get(link, timeout=5).status_code == 404


@pytest.mark.parametrize("query", ["download=2", "download=", "download=true", "x=1"])
def test_download_is_0_or_1(behind: Api, query: str) -> None:
    answer = behind.client.get(f"/v1/tracks/{behind.accepted()}/audio.wav?{query}")
    assert refused(answer, 400, "invalid_field")["field"] == query.partition("=")[0]


def test_links_through_the_cdn_need_no_iam(behind: Api) -> None:
    away = {"cdn_url": "https://media.example", "iam_endpoint": "http://127.0.0.1:1"}
    path = path_of(listened_to(behind))
    client = ingest(behind, "cdn", **away)
    assert client.get(path).headers["Location"].startswith("https://media.example/audio/")
    refused(ingest(behind, "v4", **away).get(path), 503, "storage_unavailable")


@pytest.mark.parametrize("mode", ["v4", "cdn"])
def test_the_page_may_play_from_where_links_lead(behind: Api, mode: str) -> None:
    client = ingest(behind, mode, cdn_url="https://media.example")
    policy = client.get("/").headers["Content-Security-Policy"]
    origin = behind.storage_url if mode == "v4" else "https://media.example"
    assert f"media-src 'self' {origin};" in policy
