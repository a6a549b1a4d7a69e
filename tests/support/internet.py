"""The world behind ``connect``: public addresses lead to servers of the test, all else is told."""

import socket
from typing import Any

import pytest


class Internet:
    """``connects`` holds every address and port that anything of this process asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.connects: list[tuple[str, int]] = []
        self.routes: dict[str, tuple[str, int]] = {}
        real = socket.socket.connect

        def connect(this: socket.socket, address: Any) -> None:
            host, port = address[:2]
            self.connects.append((host, port))
            if host not in self.routes:
                raise AssertionError(f"connected to {host}")
            real(this, self.routes[host])

        monkeypatch.setattr(socket.socket, "connect", connect)
