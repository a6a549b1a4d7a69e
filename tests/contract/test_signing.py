import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from google.cloud.storage import Client, _signing

from deploy.local.http import Request, Response, Server
from deploy.local.keys import PUSH_ACCOUNT, SIGNER_ACCOUNT
from shared.errors import StorageUnavailable
from shared.gcp.signing import BucketUrls, IamSigner
from shared.gcp.storage import BucketObjects, storage_client
from shared.messages import FileObject
from tests.support.api import storage_at

DATA = bytes(range(256)) * 8


class Link:
    """Links to one object with a strange name, in a bucket that keeps old generations."""

    def __init__(self, client: Client, url: str) -> None:
        self.client = client
        self.storage_url = url
        bucket = client.bucket(f"b-{secrets.token_hex(6)}")
        bucket.versioning_enabled = True
        bucket.create()
        self.objects = BucketObjects(client, bucket.name)
        self.file = self.stored(DATA, replaces=0)

    def stored(self, data: bytes, *, replaces: int) -> FileObject:
        name = "audio/a b+ü.wav"
        stored = self.objects.write(name, data, "audio/wav", replaces=replaces)
        assert stored
        return FileObject(
            mime_type="audio/wav",
            uri=self.objects.uri(name),
            generation=stored.generation,
            size_bytes=stored.size_bytes,
            crc32c=stored.crc32c,
        )

    def url(
        self,
        file: FileObject | None = None,
        *,
        account: str = SIGNER_ACCOUNT,
        download: bool = False,
    ) -> str:
        with storage_at(self.storage_url):
            urls = BucketUrls(self.client, IamSigner(self.storage_url, account))
        return urls.url(file or self.file, "motif-r1.wav", download=download)


@pytest.fixture
def link(storage_url: str) -> Iterator[Link]:
    with storage_at(storage_url):
        client = storage_client("motif-local")
    yield Link(client, storage_url)
    client.close()


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=5)


def test_a_link_plays_under_its_name(link: Link) -> None:
    answer = get(link.url())
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["Content-Type"] == "audio/wav"
    assert answer.headers["Content-Disposition"] == 'inline; filename="motif-r1.wav"'


def test_a_link_can_have_the_file_saved(link: Link) -> None:
    answer = get(link.url(download=True))
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="motif-r1.wav"'


def test_a_player_can_seek(link: Link) -> None:
    answer = get(link.url(), Range="bytes=100-199")
    assert (answer.status_code, answer.content) == (206, DATA[100:200])
    assert answer.headers["Content-Range"] == f"bytes 100-199/{len(DATA)}"
    assert get(link.url(), Range="bytes=99999-").status_code == 416


def test_a_link_lasts_a_quarter_of_an_hour(link: Link) -> None:
    query = parse_qs(urlsplit(link.url()).query)
    assert query["X-Goog-Expires"] == ["900"]
    assert query["X-Goog-Algorithm"] == ["GOOG4-RSA-SHA256"]
    assert query["generation"] == [str(link.file.generation)]
    assert query["X-Goog-Credential"][0].startswith(SIGNER_ACCOUNT)


@pytest.mark.parametrize(("minutes", "status"), [(14, 200), (16, 400)])
def test_a_link_is_refused_when_its_time_is_over(
    link: Link, monkeypatch: pytest.MonkeyPatch, minutes: int, status: int
) -> None:
    then = datetime.now(UTC) - timedelta(minutes=minutes)
    monkeypatch.setattr(_signing, "_NOW", lambda *_: then)
    answer = get(link.url())
    assert answer.status_code == status
    assert ("ExpiredToken" in answer.text) == (status == 400)


ALTERATIONS: dict[str, Callable[[str], str]] = {
    "another object": lambda url: url.replace(".wav?", ".mp3?"),
    "another generation": lambda url: url.replace("generation=", "generation=1"),
    "no generation": lambda url: url.replace("generation=", "x="),
    "a longer life": lambda url: url.replace("X-Goog-Expires=900", "X-Goog-Expires=9000"),
    "a later date": lambda url: url.replace("X-Goog-Date=2", "X-Goog-Date=3"),
    "to be saved": lambda url: url.replace("inline", "attachment"),
    "another name": lambda url: url.replace("motif-r1.wav", "motif-r1.exe"),
    "another signature": lambda url: url[:-1] + ("0" if url[-1] != "0" else "1"),
    "no signature": lambda url: url.partition("&X-Goog-Signature")[0],
    "one more parameter": lambda url: f"{url}&response-content-type=text%2Fhtml",
    "nothing": lambda url: url.partition("?")[0],
}


@pytest.mark.parametrize("alter", ALTERATIONS.values(), ids=ALTERATIONS.keys())
def test_an_altered_link_is_refused(link: Link, alter: Callable[[str], str]) -> None:
    url = link.url()
    altered = alter(url)
    assert altered != url
    answer = get(altered)
    assert answer.status_code in {400, 403}
    assert DATA not in answer.content


def test_a_link_is_for_reading_only(link: Link) -> None:
    for method in ("PUT", "DELETE", "POST"):
        assert requests.request(method, link.url(), data=b"x", timeout=5).status_code == 403
    assert link.objects.read("audio/a b+ü.wav") == DATA


def test_a_link_stays_with_its_generation(link: Link) -> None:
    old = link.url()
    newer = link.stored(b"newer", replaces=link.file.generation)
    assert get(old).content == DATA
    assert get(link.url()).content == DATA
    assert get(link.url(newer)).content == b"newer"


def test_sixteen_links_at_once(link: Link) -> None:
    with storage_at(link.storage_url):
        urls = BucketUrls(link.client, IamSigner(link.storage_url, SIGNER_ACCOUNT))
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda n: urls.url(link.file, f"{n}.wav"), range(16)))
    assert len(set(made)) == 16
    assert {get(url).status_code for url in made[:4]} == {200}


def test_another_account_may_not_sign(link: Link) -> None:
    with pytest.raises(StorageUnavailable, match="signBlob"):
        link.url(account=PUSH_ACCOUNT)


ANSWERS = {
    "an outage": Response(503),
    "no JSON": Response.text("signed"),
    "no signature": Response.json({}),
    "no base64": Response.json({"signedBlob": "a"}),
    "another shape": Response.json(["signedBlob"]),
    "a number": Response.json({"signedBlob": 5}),
    "nothing": Response(reset=True),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_that_is_no_signature_makes_no_link(answer: Response) -> None:
    def handle(_: Request) -> Response:
        return answer

    with Server(handle) as server, pytest.raises(StorageUnavailable) as caught:
        IamSigner(server.url, SIGNER_ACCOUNT).sign_bytes(b"to be signed")
    assert caught.value.code == "storage_unavailable"


def test_without_iam_there_is_no_link() -> None:
    with pytest.raises(StorageUnavailable):
        IamSigner("http://127.0.0.1:1", SIGNER_ACCOUNT).sign_bytes(b"x")


def test_credentials_that_only_sign_open_nothing() -> None:
    signer = IamSigner("http://127.0.0.1:1", SIGNER_ACCOUNT)
    assert (signer.signer_email, signer.signer, signer.token) == (SIGNER_ACCOUNT, None, None)
