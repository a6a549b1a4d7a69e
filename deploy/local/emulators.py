"""Google's Pub/Sub and Firestore emulators, started from their jars.

Not through gcloud: it starts slowly and leaves orphans. The Firestore jar names no main class.
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from deploy.local.process import HOST, Process

_PUBSUB_JAR: Final = "*pubsub-emulator*-all.jar"
_FIRESTORE_JAR: Final = "cloud-firestore-emulator*.jar"
_FIRESTORE_MAIN: Final = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
_JVM: Final = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m", "-Duser.language=en")
_SDK_FOLDERS: Final = (
    "/usr/lib/google-cloud-sdk",
    "/usr/share/google-cloud-sdk",
    "/usr/local/share/google-cloud-sdk",
    "/opt/google-cloud-sdk",
    "/opt/homebrew/share/google-cloud-sdk",
    "/snap/google-cloud-cli/current",
    "~/google-cloud-sdk",
)


class JarsMissing(RuntimeError):
    """An emulator's jar was not found; the text names the cure."""


@dataclass(frozen=True)
class Jars:
    """The two files that are needed of the Cloud SDK."""

    pubsub: Path
    firestore: Path


class Emulator(Process):
    """A running emulator; ready only after ``ready()``."""

    def __init__(
        self, name: str, command: list[str], port: int, log: Path, *, says: str = ""
    ) -> None:
        """Start it on *port* of the loopback interface."""
        super().__init__(name, command, log, os.environ)
        self.port = port
        self.host = f"{HOST}:{port}"
        """What ``*_EMULATOR_HOST`` must hold."""
        self._says = says

    def ready(self, seconds: float = 60) -> Self:
        """Wait for its own answer; return self.

        Raises:
            NotReady: it ended, or did not answer in time.
        """
        self.wait_ready(self.port, says=self._says, seconds=seconds)
        return self


def find_jars(env: Mapping[str, str]) -> Jars:
    """The jars below ``EMULATOR_HOME`` when that is set, else those of the Cloud SDK.

    Raises:
        JarsMissing: one of them is not there.
    """
    homes = list(_homes(env))
    return Jars(pubsub=_newest(homes, _PUBSUB_JAR), firestore=_newest(homes, _FIRESTORE_JAR))


def start_pubsub(
    port: int, log: Path, *, java: str | Path = "java", jars: Jars | None = None
) -> Emulator:
    """Start the Pub/Sub emulator; call ``ready()`` before use. Raises JarsMissing."""
    jar = (jars or find_jars(os.environ)).pubsub
    command = [str(java), *_JVM, "-jar", str(jar), f"--host={HOST}", f"--port={port}"]
    # On a taken port it stays alive, and somebody else would answer the probe.
    return Emulator("pubsub", command, port, log, says=f"Server started, listening on {port}")


def start_firestore(
    port: int, log: Path, *, java: str | Path = "java", jars: Jars | None = None
) -> Emulator:
    """Start the Firestore emulator; call ``ready()`` before use. Raises JarsMissing."""
    jar = (jars or find_jars(os.environ)).firestore
    start = [str(java), *_JVM, "-cp", str(jar), _FIRESTORE_MAIN, "start"]
    return Emulator("firestore", [*start, f"--host={HOST}", f"--port={port}"], port, log)


def _homes(env: Mapping[str, str]) -> Iterator[Path]:
    if env.get("EMULATOR_HOME"):
        yield Path(env["EMULATOR_HOME"])
        return
    gcloud = shutil.which("gcloud", path=env.get("PATH"))
    if gcloud:
        yield Path(gcloud).resolve().parents[1] / "platform"
    for folder in _SDK_FOLDERS:
        yield Path(folder).expanduser() / "platform"


def _newest(homes: list[Path], pattern: str) -> Path:
    for home in homes:
        # Not rglob: it passes by folders that are links, and the SDK's are often linked to.
        walked = os.walk(home, followlinks=True)
        files = (Path(folder, name) for folder, _, names in walked for name in names)
        found = [file for file in files if file.match(pattern)]
        if found:
            return max(found, key=_version)
    raise JarsMissing(
        f"no {pattern} below {homes[0]}: install google-cloud-cli-pubsub-emulator and "
        "google-cloud-cli-firestore-emulator, or name a folder with both jars in EMULATOR_HOME"
    )


def _version(jar: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", jar.name)]
