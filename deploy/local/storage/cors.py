"""CORS as the bucket's configuration wants it (Cloud Storage, "Cross-origin requests")."""

from typing import Any

from deploy.local.http import Request
from deploy.local.storage.tables import Resource

Headers = tuple[tuple[str, str], ...]


def headers(bucket: Resource, request: Request) -> Headers:
    """What a browser gets; nothing if no entry allows this origin, method and headers."""
    origin = request.headers.get("Origin")
    if origin is None:
        return ()
    for entry in bucket.get("cors", []):
        if _allows(entry, origin, request):
            allowed = origin if "*" not in entry["origin"] else "*"
            return (("Access-Control-Allow-Origin", allowed), *_rest(entry, request))
    return ()


def _allows(entry: dict[str, Any], origin: str, request: Request) -> bool:
    asked = request.headers.get("Access-Control-Request-Headers", "")
    names = {name.strip().lower() for name in asked.split(",") if name.strip()}
    known = {name.lower() for name in entry.get("responseHeader", [])}
    method = request.headers.get("Access-Control-Request-Method", request.method)
    return (
        not {origin, "*"}.isdisjoint(entry.get("origin", []))
        and not {method, "*"}.isdisjoint(entry.get("method", []))
        and ("*" in known or names <= known)
    )


def _rest(entry: dict[str, Any], request: Request) -> Headers:
    listed = ",".join(entry.get("responseHeader", []))
    if request.method != "OPTIONS":
        return (("Access-Control-Expose-Headers", listed), ("Vary", "Origin"))
    return (
        ("Access-Control-Allow-Methods", ",".join(entry["method"])),
        ("Access-Control-Allow-Headers", listed),
        ("Access-Control-Max-Age", str(entry.get("maxAgeSeconds", 3600))),
        ("Vary", "Origin"),
    )
