"""Buckets: created, read, patched, listed, deleted; lifecycle, CORS and IAM are kept as data."""

import re
from collections.abc import Mapping

from deploy.local.storage.problems import Problem, invalid, no_bucket
from deploy.local.storage.rules import check, conditions, merged, now, touched
from deploy.local.storage.state import State
from deploy.local.storage.tables import Resource, Tables

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_READ_ONLY = frozenset(
    [
        "kind",
        "id",
        "name",
        "selfLink",
        "projectNumber",
        "metageneration",
        "etag",
        "timeCreated",
        "updated",
    ]
)


def need(tables: Tables, name: str) -> Resource:
    """The bucket. Raises Problem 404."""
    bucket = tables.bucket(name)
    if bucket is None:
        raise no_bucket()
    return bucket


def create(state: State, wanted: Resource) -> Resource:
    """Raises Problem 400 for a bad name, 409 for one that is taken."""
    name = str(wanted.get("name", ""))
    if not _NAME.fullmatch(name):
        raise invalid(f"Invalid bucket name: '{name}'")
    bucket = merged(_new(name), _writable(wanted))
    with state.transaction() as tables:
        if tables.bucket(name):
            message = "Your previous request to create the named bucket succeeded and you own it."
            raise Problem(409, "conflict", message)
        tables.save_bucket(bucket)
    return bucket


def get(state: State, name: str, query: Mapping[str, str]) -> Resource:
    """Raises Problem 404, 304 or 412."""
    with state.transaction() as tables:
        bucket = need(tables, name)
    check(conditions(query), bucket, reading=True)
    return bucket


def patch(state: State, name: str, change: Resource, query: Mapping[str, str]) -> Resource:
    """Raises Problem 404 or 412."""
    with state.transaction() as tables:
        bucket = need(tables, name)
        check(conditions(query), bucket)
        bucket = touched(merged(bucket, _writable(change)))
        tables.save_bucket(bucket)
    return bucket


def delete(state: State, name: str, query: Mapping[str, str]) -> None:
    """Raises Problem 404, 412, or 409 while any generation is left."""
    with state.transaction() as tables:
        check(conditions(query), need(tables, name))
        if next(tables.versions(name, ("", -1), all_versions=True), None):
            raise Problem(409, "conflict", "The bucket you tried to delete is not empty.")
        tables.remove_bucket(name)


def listing(state: State, query: Mapping[str, str]) -> Resource:
    """All buckets whose name starts with `prefix`, on one page."""
    with state.transaction() as tables:
        found = tables.buckets()
    items = [bucket for bucket in found if bucket["name"].startswith(query.get("prefix", ""))]
    return {"kind": "storage#buckets", "items": items}


def policy(state: State, name: str) -> Resource:
    """The IAM policy; kept, not enforced."""
    with state.transaction() as tables:
        need(tables, name)
        kept = tables.policy(name)
    empty = {"kind": "storage#policy", "version": 1, "etag": "CAE=", "bindings": []}
    return {**empty, "resourceId": f"projects/_/buckets/{name}", **kept}


def set_policy(state: State, name: str, wanted: Resource) -> Resource:
    """Replace the IAM policy."""
    with state.transaction() as tables:
        need(tables, name)
        tables.save_policy(name, wanted)
    return policy(state, name)


def _new(name: str) -> Resource:
    created = now()
    return {
        "kind": "storage#bucket",
        "id": name,
        "name": name,
        "projectNumber": "1",
        "metageneration": "1",
        "location": "US",
        "locationType": "multi-region",
        "storageClass": "STANDARD",
        "etag": "CAE=",
        "timeCreated": created,
        "updated": created,
        "iamConfiguration": {
            "publicAccessPrevention": "inherited",
            "uniformBucketLevelAccess": {"enabled": False},
        },
    }


def _writable(wanted: Resource) -> Resource:
    return {name: value for name, value in wanted.items() if name not in _READ_ONLY}
