"""What the emulators need that no requirements list brings: their jars, and a Java to run them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local.bootstrap import ROOT
from deploy.local.emulators import Jars
from deploy.local.jars import ensure_jars
from deploy.local.java import find_java

FETCHED: Final = ROOT / ".local" / "emulators"
_JAVA: Final = 17
_JAVA_OF_FETCHED: Final = 21  # firebase-tools refuses older ones for the jars that it pins


@dataclass(frozen=True)
class Tools:
    """Ready to use."""

    java: Path
    jars: Jars


def ensure_tools(env: Mapping[str, str]) -> Tools:
    """Find both on this machine, else fetch them (once).

    Raises:
        SetupFailed: there is no Java, and none could be installed.
        JarsMissing: ``EMULATOR_HOME`` names a folder without the jars.
        FetchFailed: a jar could not be fetched.
    """
    jars = ensure_jars(env, FETCHED)
    fetched = jars.firestore.is_relative_to(FETCHED)
    return Tools(find_java(env, _JAVA_OF_FETCHED if fetched else _JAVA), jars)
