"""Starts what an image holds as Cloud Run does, where nothing but /tmp can be written to."""

import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from deploy.images.builder import Config

HOST: Final = "127.0.0.1"
_SECONDS: Final = 60
_STOP_SECONDS: Final = 10  # Cloud Run waits no longer
# Only /tmp can be written to, process 1 is the image's command, and nobody becomes root.
_ENTER: Final = """
set -e
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -t tmpfs -o mode=1777,size=64m tmpfs "$1/tmp"
mount -o remount,bind,ro "$1"
root=$1 user=$2
shift 2
exec setpriv --no-new-privs chroot --userspec="$user" --groups= "$root" env -i "$@"
"""
_COMMAND: Final = ("/bin/sh", "-c", 'cd "$0" && exec "$@"')


class NotStarted(RuntimeError):
    """The image's command ended, or does not answer; the text ends with its last lines."""


class Container:
    """The running command of one image."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
        """*process* is the one that entered the container."""
        self._process = process
        self._port = port
        self._log = log

    def get(self, path: str) -> int:
        """The status of ``GET path``, as soon as there is an answer. Raises NotStarted."""
        end = time.monotonic() + _SECONDS
        while self._process.poll() is None and time.monotonic() < end:
            connection = http.client.HTTPConnection(HOST, self._port, timeout=5)
            try:
                connection.request("GET", path)
                return connection.getresponse().status
            except OSError:
                time.sleep(0.02)
            finally:
                connection.close()
        raise NotStarted("\n".join(self.lines()[-12:]) or "it said nothing")

    @property
    def pids(self) -> list[int]:
        """Process 1 of the container, and its children."""
        (first,) = _children(self._process.pid)
        return [first, *_children(first)]

    def rss_mib(self) -> float:
        """Resident memory of all processes, in MiB; what they share counts for each."""
        return sum(_status(pid, "VmRSS") for pid in self.pids) / 1024

    def lines(self) -> list[str]:
        """What it has logged."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace").splitlines()

    def faults(self, uid: int) -> Iterator[str]:
        """What is not as on Cloud Run, one line each."""
        for pid in self.pids:
            if _status(pid, "Uid") != uid:
                yield f"process {pid} runs as user {_status(pid, 'Uid')}"
            if not _read_only(pid):
                yield f"process {pid} can write to its file system"
        for line in self.lines():
            if not line.startswith("{") or json.loads(line)["severity"] not in {"INFO", "DEBUG"}:
                yield f"it logged: {line}"

    def stop(self) -> int:
        """SIGTERM to process 1; its exit code. Raises NotStarted: it did not end in time."""
        os.kill(self.pids[0], signal.SIGTERM)
        try:
            return self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired as exc:
            raise NotStarted("SIGTERM did not end it") from exc


@contextmanager
def running(
    root: Path, config: Config, env: Mapping[str, str], port: int, log: Path
) -> Iterator[Container]:
    """The command of *config* in the files below *root*, with *env*, until the block ends."""
    env = {**config.environment, **env, "BIND": HOST, "PORT": f"{port}"}
    pairs = (f"{name}={value}" for name, value in env.items())
    enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _ENTER, "sh"]
    line = [*enter, f"{root}", config.user, *pairs, *_COMMAND, config.folder, *config.command]
    with (
        log.open("w+b") as out,
        subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=out, stderr=out) as process,
    ):
        try:
            yield Container(process, port, out)
        finally:
            process.kill()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise KeyError(name)


def _read_only(pid: int) -> bool:
    """Whether each file system that *pid* could fill is mounted read-only, but for /tmp."""
    mounts = (line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines())
    roots = [mount for mount in mounts if mount[4] == "/"]
    return bool(roots) and "ro" in roots[-1][5].split(",")
