"""Lists of objects: prefix, delimiter, pages, noncurrent generations."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping

from deploy.local.storage import buckets
from deploy.local.storage.problems import invalid
from deploy.local.storage.rules import number
from deploy.local.storage.state import State
from deploy.local.storage.tables import Resource

_MOST = 1000
_LAST_GENERATION = 2**63 - 1


def listing(state: State, bucket: str, query: Mapping[str, str]) -> Resource:
    """One page: `items`, `prefixes` and, if there is more, `nextPageToken`.

    Raises Problem 404 (bucket) or 400 (token).
    """
    most = min(number(query.get("maxResults") or "1000"), _MOST)
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    page: Resource = {"kind": "storage#objects", "items": [], "prefixes": []}
    position = _position(query.get("pageToken", ""))
    with state.transaction() as tables:
        buckets.need(tables, bucket)
        rows = tables.versions(
            bucket,
            max(position, (prefix, -1)),
            all_versions=query.get("versions", "").lower() == "true",
        )
        for folder, resource in _grouped(rows, prefix, delimiter, position):
            if len(page["items"]) + len(page["prefixes"]) == most:
                return {**page, "nextPageToken": _token(position)}
            if folder:
                page["prefixes"].append(folder)
                position = (folder, _LAST_GENERATION)
            else:
                page["items"].append(resource)
                position = (resource["name"], int(resource["generation"]))
    return page


def _grouped(
    rows: Iterator[Resource], prefix: str, delimiter: str, position: tuple[str, int]
) -> Iterator[tuple[str, Resource]]:
    """Objects as ("", resource), and each common prefix once, as (prefix, its first object)."""
    seen = position[0] if position[1] == _LAST_GENERATION else ""
    for resource in rows:
        name: str = resource["name"]
        if not name.startswith(prefix):
            return
        end = name.find(delimiter, len(prefix)) if delimiter else -1
        folder = name[: end + len(delimiter)] if end >= 0 else ""
        if not folder:
            yield "", resource
        elif folder != seen:
            seen = folder
            yield folder, resource


def _token(position: tuple[str, int]) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def _position(token: str) -> tuple[str, int]:
    if not token:
        return ("", -1)
    try:
        name, generation = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError):
        raise invalid("Invalid page token.") from None
    return (str(name), int(generation))
