"""Many clients of Server-Sent Events in one thread: ``benchmarks/streams.py`` measures with them.

    python benchmarks/watching.py PORT COUNT < TRACK_IDS

Prints ``ready`` when each has had its first event, and when all streams have ended one JSON object:
``delays_ms`` from the commit in Firestore (the time in the event's id) to the socket, and how many
``endings`` came.
"""

import json
import re
import selectors
import socket
import sys
import time
from typing import Final

_EVENT: Final = re.compile(rb"id: \d+-(\d+)(\.end)?\ndata: [^\n]*\n\n")


class Client:
    """One stream."""

    def __init__(self, port: int, track_id: str) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        request = f"GET /v1/tracks/{track_id}/events HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        self.sock.sendall(f"{request}\r\n".encode())
        self.events = 0
        self.endings = 0
        self._buffer = b""

    def take(self, data: bytes, at: float) -> list[float]:
        """The delays, in milliseconds, of the events that *data* completes; not of the first."""
        self._buffer += data
        delays: list[float] = []
        while found := _EVENT.search(self._buffer):
            self._buffer = self._buffer[found.end() :]
            if self.events:
                delays.append(1e3 * at - int(found[1]) / 1e3)
            self.events += 1
            self.endings += found[2] is not None
        return delays


def main() -> None:
    """Follow until every server has closed."""
    port, count = map(int, sys.argv[1:])
    ids = sys.stdin.read().split()
    clients = [Client(port, ids[number % len(ids)]) for number in range(count)]
    selector = selectors.DefaultSelector()
    for client in clients:
        selector.register(client.sock, selectors.EVENT_READ, client)
    delays: list[float] = []
    ready = False
    while selector.get_map():
        delays += _heard(selector)
        if not ready and all(client.events for client in clients):
            ready = True
            print("ready", flush=True)
    endings = sum(client.endings for client in clients)
    print(json.dumps({"delays_ms": delays, "endings": endings}), flush=True)


def _heard(selector: selectors.BaseSelector) -> list[float]:
    delays: list[float] = []
    for key, _ in selector.select():
        data = key.data.sock.recv(1 << 16)
        delays += key.data.take(data, time.time())
        if not data:
            selector.unregister(key.fileobj)
            key.data.sock.close()
    return delays


if __name__ == "__main__":
    main()
