"""The programs that checks run, and the environment of those that come as packages."""

import hashlib
import os
import shutil
import subprocess
import venv
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from deploy.checks.fault import Fault

ROOT: Final = Path(__file__).parents[2]
LIST: Final = ROOT / "requirements" / "checks.txt"
ENVIRONMENT: Final = ROOT / ".local" / "checks"


def run(
    arguments: Sequence[str | Path],
    *,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    seconds: float = 600,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; its exit code is for the caller to judge.

    Raises:
        Fault: it is not installed, or does not end.
    """
    try:
        return subprocess.run(
            arguments,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError as exc:
        raise Fault(f"{arguments[0]} is not installed", f"Install {arguments[0]}.") from exc
    except subprocess.TimeoutExpired as exc:
        raise Fault(f"{arguments[0]} has not ended after {seconds:.0f} s", "Try again.") from exc


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Lines that a program has written, errors last."""
    return [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]


def packaged(name: str) -> Path:
    """A program of ``requirements/checks.txt``; see ``environment``."""
    return environment() / "bin" / name


@cache
def environment() -> Path:
    """The checks' own environment, made from its locked list on first use: no test needs it.

    Raises:
        Fault: it could not be filled.
    """
    stamp, state = ENVIRONMENT / ".installed", hashlib.sha256(LIST.read_bytes()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == state):
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        venv.create(ENVIRONMENT, with_pip=True)
        _fill(ENVIRONMENT)
        stamp.write_text(state)
    return ENVIRONMENT


def _fill(place: Path) -> None:
    quiet = "--quiet", "--disable-pip-version-check"
    only = "--no-deps", "--require-hashes", "--requirement", LIST
    done = run([place / "bin" / "python", "-m", "pip", "install", *quiet, *only], seconds=1200)
    if done.returncode:
        raise Fault(said(done)[-3:], "Let pip reach its packages, then try again.")
