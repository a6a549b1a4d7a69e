import hashlib
import io
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.emulators import Jars, JarsMissing, find_jars
from deploy.local.http import Request, Response, Server
from deploy.local.jars import Download, FetchFailed, ensure_jars, fetch

BYTES = b"a jar's bytes " * 100_000


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        written.writestr("pubsub-emulator/bin/cloud-pubsub-emulator", "#!/bin/sh")
        written.writestr("pubsub-emulator/lib/cloud-pubsub-emulator-9-all.jar", BYTES)
    return file.getvalue()


def download(name: str, content: bytes, jar: str) -> Download:
    return Download(name, len(content), hashlib.sha256(content).hexdigest(), jar)


PUBSUB = download("pubsub.zip", archive(), "cloud-pubsub-emulator-9-all.jar")
FIRESTORE = download("firestore.jar", BYTES, "cloud-firestore-emulator-v9.jar")
FILES = {"/pubsub.zip": archive(), "/firestore.jar": BYTES}


def answer(request: Request) -> Response:
    folder, _, name = request.path.rpartition("/")
    content = FILES.get(f"/{name}")
    match folder:
        case "/cut":
            return Response(200, BYTES, cut=1000)
        case "/other":
            return Response(200, b"somebody else's bytes")
        case "/reset":
            return Response(reset=True)
        case "" if content:
            return Response(200, content)
    return Response.text("no such file", 404)


@pytest.fixture
def store() -> Iterator[str]:
    with Server(answer) as server:
        yield server.url


def test_a_fetched_jar_is_the_published_one(store: str, tmp_path: Path) -> None:
    folder = tmp_path / "emulators"

    for one in (FIRESTORE, PUBSUB):
        fetch(one, folder, store)

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        FIRESTORE.jar: BYTES,
        PUBSUB.jar: BYTES,
    }


def test_a_jar_that_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / FIRESTORE.jar).write_bytes(b"here")

    fetch(FIRESTORE, tmp_path, "http://127.0.0.1:1")

    assert (tmp_path / FIRESTORE.jar).read_bytes() == b"here"


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("cut", "broke off"),
        ("reset", "broke off"),
        ("other", "not the file that was published"),
        ("nowhere", "answers 404"),
    ],
)
def test_a_failed_fetch_says_the_cure_and_leaves_nothing(
    store: str, tmp_path: Path, folder: str, words: str
) -> None:
    with pytest.raises(FetchFailed, match=f"{words}.*EMULATOR_HOME") as failure:
        fetch(FIRESTORE, tmp_path, f"{store}/{folder}")

    assert "\n" not in str(failure.value)
    assert list(tmp_path.iterdir()) == []


def test_no_network_says_the_cure(tmp_path: Path) -> None:
    with socket.socket() as silent:  # bound, but nobody listens
        silent.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(FetchFailed, match=r"cannot be reached.*EMULATOR_HOME"):
            fetch(PUBSUB, tmp_path, url)

    assert list(tmp_path.iterdir()) == []


def sdk(folder: Path) -> dict[str, str]:
    for jar in (FIRESTORE.jar, PUBSUB.jar):
        folder.mkdir(exist_ok=True)
        (folder / jar).touch()
    return {"EMULATOR_HOME": str(folder)}


def test_named_jars_are_used_or_missed(tmp_path: Path) -> None:
    found = ensure_jars(sdk(tmp_path / "sdk"), tmp_path / "fetched")

    assert found == Jars(tmp_path / "sdk" / PUBSUB.jar, tmp_path / "sdk" / FIRESTORE.jar)
    with pytest.raises(JarsMissing):
        ensure_jars({"EMULATOR_HOME": str(tmp_path / "empty")}, tmp_path / "fetched")


def test_without_an_sdk_both_are_fetched(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_sdk(env: dict[str, str]) -> Jars:
        if not env:
            raise JarsMissing("none")
        return find_jars(env)

    monkeypatch.setattr("deploy.local.jars.find_jars", no_sdk)
    monkeypatch.setattr("deploy.local.jars.PINNED", (FIRESTORE, PUBSUB))
    monkeypatch.setattr("deploy.local.jars.fetch", lambda one, folder: fetch(one, folder, store))

    assert ensure_jars({}, tmp_path) == Jars(tmp_path / PUBSUB.jar, tmp_path / FIRESTORE.jar)
