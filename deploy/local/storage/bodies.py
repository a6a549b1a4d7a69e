"""What an upload request carries: bytes, the object's fields, promised checksums."""

import json
from email.message import Message
from pathlib import Path

from deploy.local.http import Request
from deploy.local.storage.problems import invalid
from deploy.local.storage.tables import Resource


def receive(request: Request, file: Path) -> None:
    """Write the body to `file`; nothing is left of it when the client goes away."""
    try:
        with file.open("wb") as target:
            for piece in request.chunks():
                target.write(piece)
    except ConnectionError:
        file.unlink()
        raise


def hashes(request: Request) -> Resource:
    """The checksums that the headers X-Goog-Hash and Content-MD5 promise, as object fields."""
    promised = {"md5Hash": request.headers.get("Content-MD5")}
    for header in request.headers.get_all("X-Goog-Hash", []):
        for part in header.split(","):
            kind, _, value = part.strip().partition("=")
            promised["md5Hash" if kind == "md5" else kind] = value
    return {kind: value for kind, value in promised.items() if value}


def multipart(request: Request) -> tuple[Resource, bytes]:
    """The two parts of a multipart/related body (RFC 2387): fields and content.

    Raises Problem 400.
    """
    boundary = request.headers.get_param("boundary")
    if not isinstance(boundary, str):
        raise invalid("A multipart upload needs a boundary.")
    separator = b"\r\n--" + boundary.encode()
    parts = (b"\r\n" + request.body).split(separator)
    try:
        described, content = (part.partition(b"\r\n\r\n") for part in parts[1:3])
        fields: Resource = json.loads(described[2])
    except ValueError:
        raise invalid("Malformed multipart body.") from None
    if "contentType" not in fields:
        fields["contentType"] = _content_type(content[0])
    return fields, content[2]


def document(request: Request) -> Resource:
    """A JSON object, {} if the body is empty. Raises Problem 400 for anything else."""
    try:
        found = request.json()
    except ValueError:
        raise invalid("Parse Error") from None
    if not isinstance(found, dict | None):
        raise invalid("The body must be a JSON object.")
    return found or {}


def target(request: Request) -> str:
    """The name of the object that an upload makes. Raises Problem 400 without one."""
    if "name" in request.query:
        return request.query["name"]
    kind = request.query.get("uploadType")
    fields = multipart(request)[0] if kind == "multipart" else document(request)
    if not fields.get("name"):
        raise invalid("Required parameter: name")
    return str(fields["name"])


def _content_type(head: bytes) -> str | None:
    headers = Message()
    for line in head.decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        headers[name.strip()] = value.strip()
    return headers.get("Content-Type")
