"""The state outlives the server, and the process keeps its manners."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Bucket, Client

from deploy.local.http import Server


@contextmanager
def opened(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
    client = Client(project="motif-local", credentials=AnonymousCredentials())
    try:
        yield client.bucket("motif-local-output")
    finally:
        client.close()


def test_generations_survive_a_restart(
    restartable: Callable[[], AbstractContextManager[Server]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with restartable() as server, opened(server.url, monkeypatch) as bucket:
        bucket.versioning_enabled = True
        bucket.create()
        for data in (b"1", b"2"):
            bucket.blob("a").upload_from_string(data)
        before = [blob.generation for blob in bucket.list_blobs(versions=True)]
        session = bucket.blob("b").create_resumable_upload_session()
        half = {"Content-Range": "bytes 0-2/*"}
        assert requests.put(session, data=b"123", headers=half, timeout=5).status_code == 308

    with restartable() as server, opened(server.url, monkeypatch) as bucket:
        assert [blob.generation for blob in bucket.list_blobs(versions=True)] == before
        assert bucket.blob("a", generation=before[0]).download_as_bytes() == b"1"
        bucket.blob("a").upload_from_string(b"3", if_generation_match=before[1])
        session = re.sub(r"^http://[^/]+", server.url, session)
        rest = {"Content-Range": "bytes 3-4/5"}
        assert requests.put(session, data=b"45", headers=rest, timeout=5).status_code == 200
        assert bucket.blob("b").download_as_bytes() == b"12345"


def test_bytes_that_no_object_names_are_swept_at_the_start(
    restartable: Callable[[], AbstractContextManager[Server]], tmp_path: Path
) -> None:
    with restartable():
        (tmp_path / "blobs" / "left-by-a-kill").write_bytes(b"x")
    with restartable():
        assert list((tmp_path / "blobs").iterdir()) == []


def start(data: Path, keys_folder: Path) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "deploy.local.storage", "--port", "0"]
    command += ["--data", str(data), "--keys", str(keys_folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    return process, process.stdout.readline().split()[-1]


def stop(process: subprocess.Popen[str], number: signal.Signals) -> int:
    process.send_signal(number)
    process.communicate(timeout=10)
    return process.returncode


def test_a_killed_process_loses_nothing_and_a_stopped_one_exits_cleanly(
    tmp_path: Path, keys_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, url = start(tmp_path, keys_folder)
    with opened(url, monkeypatch) as bucket:
        bucket.create()
        blob = bucket.blob("a")
        blob.upload_from_string(b"paid for", if_generation_match=0)
    assert stop(process, signal.SIGKILL) == -signal.SIGKILL

    process, url = start(tmp_path, keys_folder)
    assert requests.get(url, timeout=5).status_code == 200
    with opened(url, monkeypatch) as bucket:
        assert bucket.get_blob("a").generation == blob.generation
        assert bucket.blob("a").download_as_bytes() == b"paid for"
    assert stop(process, signal.SIGTERM) == os.EX_OK
