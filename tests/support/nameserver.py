"""A name server over UDP (RFC 1035) whose answers the test writes, and a resolver that asks it."""

import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, ip_address

_A, _IN = 1, 1
_HEADER = struct.Struct(">6H")
Answers = Callable[[str, int], list[str]]
"""IPv4 addresses of a name, the n-th time (from 1) that it is asked for."""


class NameServer:
    """``asked`` counts the queries for each name."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.asked: Counter[str] = Counter()
        self.thread = threading.Thread(target=self._serve)

    def resolve(self, host: str, port: int) -> list[str]:
        """What a stub resolver does: one query, its answers; nothing is kept."""
        labels = (bytes([len(label)]) + label.encode() for label in host.split("."))
        question = b"".join(labels) + b"\0" + struct.pack(">2H", _A, _IN)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stub:
            stub.settimeout(5)
            stub.sendto(_HEADER.pack(7, 0x0100, 1, 0, 0, 0) + question, self._socket.getsockname())
            reply = stub.recv(4096)
        count = _HEADER.unpack_from(reply)[3]
        records = reply[_HEADER.size + len(question) :]
        return [str(ip_address(records[16 * n + 12 : 16 * n + 16])) for n in range(count)]

    def _serve(self) -> None:
        while True:
            query, sender = self._socket.recvfrom(4096)
            if not query:
                return
            question = query[_HEADER.size :]
            name = _name(question)
            self.asked[name] += 1
            found = [IPv4Address(one) for one in self._answers(name, self.asked[name])]
            head = _HEADER.pack(_HEADER.unpack_from(query)[0], 0x8180, 1, len(found), 0, 0)
            record = struct.pack(">3HIH", 0xC00C, _A, _IN, 0, 4)  # to live for no second
            records = b"".join(record + one.packed for one in found)
            self._socket.sendto(head + question + records, sender)

    def stop(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self._socket.getsockname())
        self.thread.join()
        self._socket.close()


@contextmanager
def name_server(answers: Answers) -> Iterator[NameServer]:
    server = NameServer(answers)
    server.thread.start()
    try:
        yield server
    finally:
        server.stop()


def _name(question: bytes) -> str:
    labels = []
    while question[0]:
        length = question[0]
        labels.append(question[1 : 1 + length].decode())
        question = question[1 + length :]
    return ".".join(labels)
