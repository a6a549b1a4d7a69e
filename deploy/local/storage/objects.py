"""Objects: how generations come to be, change and go; the bytes are somebody else's business."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from deploy.local.storage import buckets
from deploy.local.storage.drafts import Draft, checked, writable
from deploy.local.storage.problems import invalid, no_object
from deploy.local.storage.rules import check, conditions, merged, now, number, touched
from deploy.local.storage.state import State
from deploy.local.storage.tables import Resource, Tables, Version

_MOST_SOURCES = 32


def need(tables: Tables, bucket: str, name: str, query: Mapping[str, str]) -> Version:
    """The live generation, or the one that `query` names. Raises Problem 404."""
    buckets.need(tables, bucket)
    generation = number(query["generation"]) if "generation" in query else None
    version = tables.version(bucket, name, generation)
    if version is None:
        raise no_object(bucket, name)
    return version


def get(state: State, bucket: str, name: str, query: Mapping[str, str]) -> Version:
    """Raises Problem 404, 304 or 412."""
    with state.transaction() as tables:
        version = need(tables, bucket, name, query)
    check(conditions(query), version.resource, reading=True)
    return version


def check_target(state: State, bucket: str, name: str, wanted: Mapping[str, int]) -> None:
    """Raise the Problem (404, 412) that an upload would end with as things stand."""
    with state.transaction() as tables:
        buckets.need(tables, bucket)
        live = tables.version(bucket, name)
        check(wanted, live.resource if live else None)


def finalize(state: State, draft: Draft, wanted: Mapping[str, int]) -> Resource:
    """Make the draft the live generation: the one place where an object comes to be.

    Raises Problem 400 (checksum), 404 (bucket) or 412, and then deletes the draft's file.
    """
    try:
        described = checked(draft) | writable(draft.fields)
        with state.transaction() as tables:
            owner = buckets.need(tables, draft.bucket)
            live = tables.version(draft.bucket, draft.name)
            check(wanted, live.resource if live else None)
            resource = _new(owner, draft, state.next_generation()) | described
            if live:
                _retire(state, tables, owner, live)
            tables.save_version(resource, draft.file, live=True)
            if draft.session:
                tables.save_upload(draft.session, {"done": resource}, Path())
    except BaseException:
        draft.file.unlink()
        raise
    return resource


def patch(
    state: State, bucket: str, name: str, change: Resource, query: Mapping[str, str]
) -> Resource:
    """Change metadata. Raises Problem 404 or 412."""
    with state.transaction() as tables:
        version = need(tables, bucket, name, query)
        check(conditions(query), version.resource)
        resource = touched(merged(version.resource, writable(change, keep_null=True)))
        tables.save_version(resource, version.file, live="timeDeleted" not in resource)
    return resource


def delete(state: State, bucket: str, name: str, query: Mapping[str, str]) -> None:
    """Make the live generation noncurrent (or remove it, in a bucket without versions).

    A generation that is named goes for good. Raises Problem 404 or 412.
    """
    with state.transaction() as tables:
        owner = buckets.need(tables, bucket)
        version = need(tables, bucket, name, query)
        check(conditions(query), version.resource)
        if "generation" in query:
            _remove(state, tables, version)
        else:
            _retire(state, tables, owner, version)


def compose(
    state: State, bucket: str, name: str, order: Resource, wanted: Mapping[str, int]
) -> Resource:
    """Concatenate up to 32 objects of one bucket. Raises Problem 400, 404 or 412."""
    sources = _sources(state, bucket, order.get("sourceObjects", []))
    file = state.new_file()
    with file.open("wb") as target:
        for source in sources:
            with source.file.open("rb") as content:
                shutil.copyfileobj(content, target)
    fields = {"contentType": sources[0].resource.get("contentType")}
    fields |= order.get("destination", {})
    components = sum(source.resource.get("componentCount", 1) for source in sources)
    return finalize(state, Draft(bucket, name, fields, file, components), wanted)


def _sources(state: State, bucket: str, wanted: list[Resource]) -> list[Version]:
    if not 1 <= len(wanted) <= _MOST_SOURCES:
        raise invalid("The number of source components must be between 1 and 32.")
    found = []
    with state.transaction() as tables:
        for one in wanted:
            named = {k: str(v) for k, v in one.items() if k == "generation" and v is not None}
            version = need(tables, bucket, one["name"], named)
            check(conditions(one.get("objectPreconditions") or {}), version.resource)
            found.append(version)
    return found


def _new(owner: Resource, draft: Draft, generation: int) -> Resource:
    created = now()
    return {
        "kind": "storage#object",
        "bucket": draft.bucket,
        "name": draft.name,
        "generation": str(generation),
        "metageneration": "1",
        "contentType": "application/octet-stream",
        "storageClass": owner["storageClass"],
        "size": str(draft.file.stat().st_size),
        "timeCreated": created,
        "updated": created,
        "timeStorageClassUpdated": created,
        "timeFinalized": created,
    }


def _retire(state: State, tables: Tables, owner: Resource, version: Version) -> None:
    if owner.get("versioning", {}).get("enabled"):
        noncurrent = {**version.resource, "timeDeleted": now()}
        tables.save_version(noncurrent, version.file, live=False)
    else:
        _remove(state, tables, version)


def _remove(state: State, tables: Tables, version: Version) -> None:
    tables.remove_version(version.resource)
    state.discard(version.file)
