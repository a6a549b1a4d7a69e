"""The rows of the stand-in's SQLite database, in and out; no rules."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Resource = dict[str, Any]

SCHEMA = """
create table if not exists bucket (name text primary key, resource text, policy text);
create table if not exists version (
    bucket text, name text, generation integer, live integer, resource text, file text,
    primary key (bucket, name, generation)
);
create table if not exists upload (id text primary key, session text, file text);
"""


@dataclass(frozen=True)
class Version:
    """One generation of an object: its resource without links, and where its bytes are."""

    resource: Resource
    file: Path


class Tables:
    """The rows, inside one transaction."""

    def __init__(self, db: sqlite3.Connection, blobs: Path) -> None:
        """Files are stored by name, relative to `blobs`."""
        self._db = db
        self._blobs = blobs

    def bucket(self, name: str) -> Resource | None:
        """The bucket's resource."""
        return self._json("select resource from bucket where name = ?", name)

    def buckets(self) -> list[Resource]:
        """All buckets by name."""
        rows = self._db.execute("select resource from bucket order by name")
        return [json.loads(row[0]) for row in rows]

    def save_bucket(self, resource: Resource) -> None:
        """Create or replace, the policy untouched."""
        self._db.execute(
            "insert into bucket values (?, ?, '{}') "
            "on conflict (name) do update set resource = excluded.resource",
            (resource["name"], json.dumps(resource)),
        )

    def remove_bucket(self, name: str) -> None:
        """Remove the row."""
        self._db.execute("delete from bucket where name = ?", (name,))

    def policy(self, bucket: str) -> Resource:
        """The bucket's IAM policy as it was set, {} before."""
        return self._json("select policy from bucket where name = ?", bucket) or {}

    def save_policy(self, bucket: str, policy: Resource) -> None:
        """Replace the IAM policy."""
        self._db.execute(
            "update bucket set policy = ? where name = ?", (json.dumps(policy), bucket)
        )

    def version(self, bucket: str, name: str, generation: int | None = None) -> Version | None:
        """One generation, live or not; without one, the live generation."""
        which = "live = 1" if generation is None else "generation = ?"
        keys = (bucket, name) if generation is None else (bucket, name, generation)
        row = self._db.execute(
            f"select resource, file from version where bucket = ? and name = ? and {which}",  # noqa: S608  # two constants
            keys,
        ).fetchone()
        return Version(json.loads(row[0]), self._blobs / row[1]) if row else None

    def versions(
        self, bucket: str, after: tuple[str, int], *, all_versions: bool
    ) -> Iterator[Resource]:
        """Resources in the order of name and generation, behind `after`."""
        rows = self._db.execute(
            "select resource from version where bucket = ? and (name, generation) > (?, ?) "
            "and live >= ? order by name, generation",
            (bucket, *after, 0 if all_versions else 1),
        )
        return (json.loads(row[0]) for row in rows)

    def save_version(self, resource: Resource, file: Path, *, live: bool) -> None:
        """Create or replace one generation."""
        key = (resource["bucket"], resource["name"], int(resource["generation"]))
        self._db.execute(
            "insert or replace into version values (?, ?, ?, ?, ?, ?)",
            (*key, int(live), json.dumps(resource), file.name),
        )

    def remove_version(self, resource: Resource) -> None:
        """Remove one generation's row."""
        self._db.execute(
            "delete from version where bucket = ? and name = ? and generation = ?",
            (resource["bucket"], resource["name"], int(resource["generation"])),
        )

    def upload(self, upload_id: str) -> tuple[Resource, Path] | None:
        """A resumable session and the file that grows."""
        row = self._db.execute(
            "select session, file from upload where id = ?", (upload_id,)
        ).fetchone()
        return (json.loads(row[0]), self._blobs / row[1]) if row else None

    def save_upload(self, upload_id: str, session: Resource, file: Path) -> None:
        """Create or replace a session."""
        self._db.execute(
            "insert or replace into upload values (?, ?, ?)",
            (upload_id, json.dumps(session), file.name),
        )

    def remove_upload(self, upload_id: str) -> None:
        """Forget a session."""
        self._db.execute("delete from upload where id = ?", (upload_id,))

    def _json(self, query: str, *keys: str) -> Resource | None:
        row = self._db.execute(query, keys).fetchone()
        return json.loads(row[0]) if row else None
