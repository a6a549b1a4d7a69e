"""``motif verify``: one webhook that was written down, and whether it is good."""

import json
import re
import sys
from email.message import Message
from pathlib import Path

from motif.webhooks import VerificationError, Webhook


class Unreadable(Exception):
    """A file that cannot be used; the text says which and why."""


def check(webhook: Webhook, headers: Message, body: bytes) -> int:
    """Print the verdict; 0: verified, 1: not."""
    try:
        payload = webhook.verify(body, headers)
    except VerificationError as why:
        print(f"not verified: {why} ({why.code})")
        return 1
    print(f"verified: {payload.get('type', 'no type')!a} {headers['webhook-id']}")
    return 0


def read_body(name: str) -> bytes:
    """The bytes of the file *name*; ``-`` is stdin.

    Raises:
        Unreadable: there is no such file.
    """
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as exc:
        raise Unreadable(f"cannot read {name}: {exc.strerror}") from None


def read_headers(name: str) -> Message:
    """The headers in a file: lines of ``Name: value``, or one JSON object.

    Raises:
        Unreadable: it is neither.
    """
    text = read_body(name).decode("latin-1").strip()  # as HTTP's bytes are
    pairs = _from_json(name, text) if text.startswith("{") else _from_lines(text)
    headers = Message()
    for key, value in pairs:
        headers[key] = value
    if not headers:
        raise Unreadable(f"{name} holds no headers, neither as lines nor as a JSON object")
    return headers


def _from_lines(text: str) -> list[tuple[str, str]]:
    """What is no header, such as a request line, is passed over."""
    return re.findall(r"^([A-Za-z0-9-]+):[ \t]*(.*?)[ \t\r]*$", text, re.MULTILINE)


def _from_json(name: str, text: str) -> list[tuple[str, str]]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable(f"{name} is no JSON object of headers") from None
    return [(str(key), str(value)) for key, value in found.items()]
