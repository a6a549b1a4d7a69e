"""Servers of raw bytes on the loopback interface, and every way to answer badly."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

BODY = b'{"type":"track.completed"}'
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_TLS_HELLO = b"\x16\x03"
Answering = Callable[[socket.socket], None]


class Loopback:
    """A server that takes requests with ``BODY``; ``seen`` holds each request as it came."""

    def __init__(self, answer: Answering, tls: ssl.SSLContext | None, host: str) -> None:
        self._answer = answer
        self._tls = tls
        self._host = host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self.port: int = self._listener.getsockname()[1]
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.seen: list[bytes] = []
        self.accepted = 0
        self._stopped = False
        self.thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                if self._stopped:
                    return
                self.accepted += 1
                with suppress(OSError):
                    self._one(connection)

    def _one(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        if self._tls:
            with self._tls.wrap_socket(connection, server_side=True) as secured:
                self._exchange(secured)
        else:
            self._exchange(connection)

    def _exchange(self, connection: socket.socket) -> None:
        request = b""
        while not request.endswith(BODY) and not request.startswith(_TLS_HELLO):
            piece = connection.recv(65536)
            if not piece:
                return
            request += piece
        self.seen.append(request)
        self._answer(connection)

    def stop(self) -> None:
        self._stopped = True
        with socket.socket(self._listener.family) as waker:
            waker.connect_ex((self._host, self.port))
        self.thread.join()
        self._listener.close()


@contextmanager
def loopback(
    answer: Answering, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[Loopback]:
    server = Loopback(answer, tls, host)
    server.thread.start()
    try:
        yield server
    finally:
        server.stop()


def says(text: bytes) -> Answering:
    return lambda connection: connection.sendall(text)


def status(line: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {line}", *headers, "Content-Length: 0", "", ""]).encode()


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def stall(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.recv(1)


def dripping(text: bytes) -> Answering:
    """One byte of *text* every 20 ms, for ten seconds or until nobody listens."""

    def drip(connection: socket.socket) -> None:
        with suppress(OSError):
            for byte in text + b"a" * 500:
                connection.send(bytes([byte]))
                time.sleep(0.02)

    return drip


def both(first: Answering, then: Answering) -> Answering:
    def answer(connection: socket.socket) -> None:
        first(connection)
        then(connection)

    return answer


class Flood:
    """Sends *head*, then *piece* again and again; ``sent`` counts the bytes."""

    def __init__(self, head: bytes, piece: bytes, most: int) -> None:
        self._head = head
        self._piece = piece
        self._most = most
        self.sent = 0

    def __call__(self, connection: socket.socket) -> None:
        with suppress(OSError):
            connection.sendall(self._head)
            while self.sent < self._most:
                self.sent += connection.send(self._piece)
