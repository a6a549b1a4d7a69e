"""What must hold of an image: what is in it, and how it starts."""

import base64
import os
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.images.builder import Config
from deploy.images.container import HOST, running
from deploy.local.process import free_port

_USER: Final = 10001
_NOWHERE: Final = f"{HOST}:9"
# No answer to /live needs any of Google's services.
_SETTINGS: Final = {
    "GCP_PROJECT": "motif-images",
    "INPUT_BUCKET": "motif-images-prompts",
    "OUTPUT_BUCKET": "motif-images-output",
    "PUBLIC_URL": "https://motif.example.com",
    "PUSH_ACCOUNTS": "eventarc@motif-images.iam.gserviceaccount.com",
    "PUSH_AUTH": "platform",
    "SIGNING_ACCOUNT": "signer@motif-images.iam.gserviceaccount.com",
    "FIRESTORE_EMULATOR_HOST": _NOWHERE,
    "PUBSUB_EMULATOR_HOST": _NOWHERE,
    "STORAGE_EMULATOR_HOST": f"http://{_NOWHERE}",
    "VERTEX_ENDPOINT": f"http://{_NOWHERE}",
}


@dataclass(frozen=True, slots=True)
class Started:
    """One start: *seconds* to the first answer, resident memory then."""

    seconds: float
    rss_mib: float
    faults: tuple[str, ...]


def start(service: str, root: Path, config: Config, log: Path) -> Started:
    """Start *service* from the files below *root*, ask it whether it lives, and end it.

    Raises:
        NotStarted: it gives no answer, or does not end.
    """
    began = time.monotonic()
    with running(root, config, settings(service), free_port(), log) as container:
        status = container.get("/live")
        seconds, rss_mib = time.monotonic() - began, container.rss_mib()
        faults = list(container.faults(_USER))
        if status != 200:  # noqa: PLR2004 - HTTP's own number
            faults.append(f"GET /live answered {status}")
        if code := container.stop():
            faults.append(f"it ended with {code} at SIGTERM")
    return Started(seconds, rss_mib, tuple(faults))


def settings(service: str) -> Mapping[str, str]:
    """What *service* needs to start as on Cloud Run, without any of Google's services."""
    key = base64.b64encode(os.urandom(32)).decode()
    own = {"K_SERVICE": f"motif-{service}", "SESSION_KEYS": key, "WEBHOOK_MAIN_KEYS": key}
    return {**_SETTINGS, **own}


def contents(service: str, root: Path) -> Iterator[str]:
    """What is in an image and should not be, or is not and should, one line each."""
    for fault in _contents(service, root):
        yield fault.removeprefix(f"{root}")


def _contents(service: str, root: Path) -> Iterator[str]:
    yield from _strangers(root / "app", {"services", "shared", "deploy"})
    yield from _strangers(root / "app" / "services", {service, "__init__.py"})
    yield from _strangers(root / "app" / "deploy", {"gunicorn.conf.py"})
    for folder in ("app/services", "app/shared", "venv"):
        yield from _uncompiled(root / folder)
    yield from _writable(root)
    if any((root / "venv").glob("lib/*/site-packages/pip")):
        yield "pip is in the environment"


def mib(folder: Path) -> int:
    """What *folder* takes on disk, in MiB."""
    said = subprocess.run(["du", "-sxm", folder], capture_output=True, text=True, check=True)
    return int(said.stdout.split()[0])


def _strangers(folder: Path, wanted: AbstractSet[str]) -> Iterator[str]:
    for path in sorted(folder.iterdir()):
        if path.name not in {*wanted, "__pycache__"}:
            yield f"{path} is in the image"


def _uncompiled(folder: Path) -> Iterator[str]:
    sources = {path for path in folder.rglob("*.py") if "bin" not in path.parts}
    for source in sorted(sources):
        if not any((source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc")):
            yield f"{source} has no byte-code"


def _writable(root: Path) -> Iterator[str]:
    """Ours in the image that others than root may change."""
    for path in (*(root / "app").rglob("*"), *(root / "venv").rglob("*")):
        found = path.lstat()
        if found.st_uid or (
            not path.is_symlink() and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        ):
            yield f"{path} can be changed"
