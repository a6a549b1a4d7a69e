"""Downloads: the bytes of one generation with their headers; RFC 9110 §13.1.2 and §14."""

import datetime as dt
import re
from collections.abc import Mapping
from email.utils import format_datetime
from urllib.parse import quote

from deploy.local.http import FileRange, Request, Response
from deploy.local.storage.tables import Resource, Version

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_FIELDS = {
    "cacheControl": "Cache-Control",
    "contentDisposition": "Content-Disposition",
    "contentEncoding": "Content-Encoding",
    "contentLanguage": "Content-Language",
}


def download(version: Version, request: Request, query: Mapping[str, str]) -> Response:
    """200, 206, 304, or 416; `response-content-type` and `-disposition` of `query` win."""
    resource = version.resource
    disposition = query.get("response-content-disposition")
    shown = resource | ({"contentDisposition": disposition} if disposition else {})
    headers = _headers(shown)
    if _known(request.headers.get("If-None-Match", ""), dict(headers)["ETag"]):
        return Response(304, headers=headers)
    size = int(resource["size"])
    kind = query.get("response-content-type") or resource.get("contentType", "")
    span = _span(request.headers.get("Range", ""), size)
    if span is None:
        return Response(200, FileRange(version.file, 0, size), kind, headers)
    if not span:
        return Response(416, headers=(("Content-Range", f"bytes */{size}"),))
    headers += (("Content-Range", f"bytes {span.start}-{span.stop - 1}/{size}"),)
    return Response(206, FileRange(version.file, span.start, len(span)), kind, headers)


def _known(header: str, tag: str) -> bool:
    """Whether the client has these bytes already; whole or weak is the same here."""
    given = {one.strip().removeprefix("W/") for one in header.split(",")}
    return not given.isdisjoint({tag, "*"})


def _span(header: str, size: int) -> range | None:
    """The bytes asked for, empty if there are none such; None without a valid range."""
    given = _RANGE.fullmatch(header.strip())
    if not given or given.group() == "bytes=-":
        return None
    first, last = given.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(size, int(last) + 1) if last else size)


def _headers(resource: Resource) -> tuple[tuple[str, str], ...]:
    sums = [f"crc32c={resource['crc32c']}"]
    if "md5Hash" in resource:
        sums.append(f"md5={resource['md5Hash']}")
    changed = dt.datetime.fromisoformat(resource["updated"])
    custom = resource.get("metadata") or {}
    return (
        ("ETag", f'"{resource["generation"]}/{resource["metageneration"]}"'),
        ("Last-Modified", format_datetime(changed, usegmt=True)),
        ("Accept-Ranges", "bytes"),
        ("X-Goog-Hash", ",".join(sums)),
        ("X-Goog-Generation", resource["generation"]),
        ("X-Goog-Metageneration", resource["metageneration"]),
        ("X-Goog-Storage-Class", resource["storageClass"]),
        ("X-Goog-Stored-Content-Length", resource["size"]),
        ("X-Goog-Stored-Content-Encoding", resource.get("contentEncoding") or "identity"),
        *((header, resource[field]) for field, header in _FIELDS.items() if resource.get(field)),
        *((f"X-Goog-Meta-{k}", quote(v, safe=" !#$&'()*+,/:;=?@[]~")) for k, v in custom.items()),
    )
