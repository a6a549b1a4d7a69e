"""Rules that buckets and objects share: preconditions, patches, times."""

import datetime as dt
from collections.abc import Mapping

from deploy.local.storage.problems import condition_not_met, invalid
from deploy.local.storage.tables import Resource

# Query parameter -> (field of the resource, what "equal" must be).
_CONDITIONS = {
    "ifGenerationMatch": ("generation", True),
    "ifGenerationNotMatch": ("generation", False),
    "ifMetagenerationMatch": ("metageneration", True),
    "ifMetagenerationNotMatch": ("metageneration", False),
}


def conditions(query: Mapping[str, str]) -> dict[str, int]:
    """The preconditions among the query parameters. Raises Problem 400 for a non-number."""
    return {name: number(query[name]) for name in _CONDITIONS if name in query}


def check(wanted: Mapping[str, int], resource: Resource | None, *, reading: bool = False) -> None:
    """Raise Problem 412 (304 for a failed NotMatch of a read) unless all conditions hold.

    What does not exist has generation 0, so `ifGenerationMatch=0` means "create only".
    """
    for name, value in wanted.items():
        field, equal = _CONDITIONS[name]
        actual = int(resource[field]) if resource else 0
        if (actual == value) is not equal:
            raise condition_not_met(304 if reading and not equal else 412)


def merged(target: Resource, patch: Resource) -> Resource:
    """`target` changed by `patch` (RFC 7396): null removes, objects merge, the rest replaces."""
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            result[name] = merged(result.get(name) or {}, value)
        else:
            result[name] = value
    return result


def touched(resource: Resource) -> Resource:
    """The next metageneration."""
    metageneration = str(int(resource["metageneration"]) + 1)
    return {**resource, "metageneration": metageneration, "updated": now()}


def number(text: str) -> int:
    """A decimal number. Raises Problem 400."""
    try:
        return int(text)
    except ValueError:
        raise invalid(f"Invalid value: {text}") from None


def now() -> str:
    """The time as RFC 3339 in UTC, with milliseconds."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
