"""The emulators' jars: the Cloud SDK's, else fetched once from where firebase-tools has them."""

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests

from deploy.local.emulators import Jars, JarsMissing, find_jars

STORE: Final = "https://storage.googleapis.com/firebase-preview-drop/emulator"
_PIECE: Final = 1 << 20
_SECONDS: Final = 30
_CURE: Final = (
    "try again with a network, install google-cloud-cli-pubsub-emulator and "
    "google-cloud-cli-firestore-emulator, or name a folder with both jars in EMULATOR_HOME"
)


class FetchFailed(RuntimeError):
    """A jar could not be had; the text is one line with the cure."""


@dataclass(frozen=True)
class Download:
    """A file of the store as firebase-tools pins it; *jar* is what becomes of it here."""

    name: str
    size: int
    sha256: str
    jar: str


PINNED: Final = (  # firebase-tools 15.34.2, downloadableEmulatorInfo.json
    Download(
        "cloud-firestore-emulator-v1.22.0.jar",
        136_707_194,
        "9b6498b7f62714d67f48f59b3818883cd682dbcd46b9f59511de81c97bb5166c",
        "cloud-firestore-emulator-v1.22.0.jar",
    ),
    Download(
        "pubsub-emulator-0.8.37.zip",
        53_029_797,
        "c83383e0c71633e58abad6fdc9c0312c7d0f6a5a34236c42e3f92eb24ded1c26",
        "cloud-pubsub-emulator-0.8.37-all.jar",
    ),
)


def ensure_jars(env: Mapping[str, str], folder: Path) -> Jars:
    """The Cloud SDK's or ``EMULATOR_HOME``'s jars, else those in *folder*, fetched if need be.

    Raises:
        JarsMissing: ``EMULATOR_HOME`` is set, but a jar is not there.
        FetchFailed: a download did not succeed.
    """
    try:
        return find_jars(env)
    except JarsMissing:
        if env.get("EMULATOR_HOME"):
            raise
    for download in PINNED:
        fetch(download, folder)
    return find_jars({"EMULATOR_HOME": str(folder)})


def fetch(download: Download, folder: Path, store: str = STORE) -> None:
    """Bring a jar into *folder* unless it is there: whole and verified, or not at all.

    Raises:
        FetchFailed: no network, no such file, cut off, or other bytes than published.
    """
    if (folder / download.jar).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    url = f"{store}/{download.name}"
    print(f"Fetching {download.name} ({download.size >> 20} MB, once) ...", flush=True)
    with _temporary(folder) as part:
        try:
            digest = _save(url, part)
        except requests.HTTPError as exc:
            raise FetchFailed(f"{url} answers {exc.response.status_code}: {_CURE}") from exc
        except requests.RequestException as exc:
            raise FetchFailed(f"{url} cannot be reached, or broke off: {_CURE}") from exc
        if digest != download.sha256:
            raise FetchFailed(f"{url} is not the file that was published: {_CURE}")
        if download.name.endswith(".zip"):
            _unpack(part, download.jar)
        part.rename(folder / download.jar)


def _save(url: str, part: Path) -> str:
    digest = hashlib.sha256()
    with requests.get(url, stream=True, timeout=_SECONDS) as response, part.open("wb") as file:
        response.raise_for_status()
        for piece in response.iter_content(_PIECE):
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def _unpack(part: Path, jar: str) -> None:
    """Put the member called *jar* in the archive's place."""
    with zipfile.ZipFile(part) as archive, _temporary(part.parent) as unpacked:
        member = next(name for name in archive.namelist() if name.endswith(f"/{jar}"))
        with archive.open(member) as source, unpacked.open("wb") as target:
            shutil.copyfileobj(source, target)
        unpacked.replace(part)


@contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    """A new file in *folder*, removed in the end unless it has been renamed."""
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".part-")
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
