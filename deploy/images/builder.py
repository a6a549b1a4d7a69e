"""Builds images without a daemon: buildah, with a store of its own."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local.bootstrap import ROOT

# How this machine reaches its packages is no part of an image, so a build only borrows it.
_BORROWED: Final = ("/etc/ssl/certs", "/etc/pip.conf")
_CHROOT: Final = ("--isolation", "chroot")


class BuildFailed(RuntimeError):
    """A command of the builder's failed; the text ends with what it said last."""


@dataclass(frozen=True, slots=True)
class Config:
    """What an image says about its start."""

    user: str
    environment: Mapping[str, str]
    command: Sequence[str]
    folder: str
    stop_signal: str


def missing() -> str:
    """Why no image can be built and started here, in one line; empty: it can."""
    if not shutil.which("buildah"):
        return "no builder without a daemon here (apt install buildah)"
    if os.geteuid():
        return "a file system is made read-only by root only"
    return ""


class Builder:
    """Images and containers below one folder; nothing of them is anywhere else."""

    def __init__(self, folder: Path) -> None:
        """Keep everything in *folder*."""
        folder.mkdir(parents=True, exist_ok=True)
        self._store = ("--root", f"{folder}/store", "--runroot", f"{folder}/run")

    def do(self, command: str, *arguments: str) -> str:
        """What one command of buildah prints. Raises BuildFailed."""
        line = ["buildah", "--storage-driver", "vfs", *self._store, command, *arguments]
        done = subprocess.run(
            line, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            last = "\n".join((done.stdout + done.stderr).splitlines()[-12:])
            raise BuildFailed(f"buildah {command}: {last}")
        return done.stdout.strip()

    def build(self, service: str, base: str) -> str:
        """The id of the image that the Dockerfile of *service* makes on *base*.

        Raises:
            BuildFailed: it makes none.
        """
        file = f"services/{service}/Dockerfile"
        borrowed = [f"--volume={path}:{path}:ro" for path in _BORROWED if Path(path).exists()]
        options = ["--pull-never", "--quiet", "--network=host", *_CHROOT, *borrowed]
        return self.do(
            "bud", *options, f"--build-arg=PYTHON_IMAGE={base}", f"--file={file}", "."
        ).split()[-1]

    def config(self, image: str) -> Config:
        """What *image* says about its start. Raises BuildFailed: there is no such image."""
        said = json.loads(self.do("inspect", "--type=image", image))["OCIv1"]["config"]
        return Config(
            said.get("User") or "0:0",
            dict(pair.split("=", 1) for pair in said["Env"]),
            said.get("Cmd") or [],
            said.get("WorkingDir") or "/",
            said.get("StopSignal", ""),
        )

    @contextmanager
    def root(self, image: str) -> Iterator[Path]:
        """The files of a new container of *image*, until the block ends. Raises BuildFailed."""
        container = self.do("from", "--pull-never", image)
        try:
            yield Path(self.do("mount", container))
        finally:
            self.do("rm", container)

    def run(self, container: str, *command: str) -> str:
        """What *command* prints inside of *container*. Raises BuildFailed."""
        return self.do("run", *_CHROOT, "--network=host", container, "--", *command)
