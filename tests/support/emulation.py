"""The emulators of one test session."""

import os
from pathlib import Path

from deploy.local.emulators import Emulator, start_firestore, start_pubsub
from deploy.local.process import free_port
from deploy.local.tools import ensure_tools


class Emulators:
    """Pub/Sub and Firestore on free ports."""

    pubsub: Emulator
    firestore: Emulator

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[Emulator] = []

    def start(self) -> dict[str, str]:
        """Start both, wait until ready; return ``variables``."""
        tools = ensure_tools(os.environ)
        self.pubsub = start_pubsub(
            free_port(), self._folder / "pubsub.log", java=tools.java, jars=tools.jars
        )
        self._running.append(self.pubsub)
        self.firestore = start_firestore(
            free_port(), self._folder / "firestore.log", java=tools.java, jars=tools.jars
        )
        self._running.append(self.firestore)
        for emulator in self._running:
            emulator.ready()
        return self.variables

    @property
    def variables(self) -> dict[str, str]:
        """Where clients find them."""
        return {
            "PUBSUB_EMULATOR_HOST": self.pubsub.host,
            "FIRESTORE_EMULATOR_HOST": self.firestore.host,
            "GOOGLE_CLOUD_PROJECT": "motif-test",
        }

    def stop(self) -> None:
        for emulator in self._running:
            emulator.stop()
