"""Firestore as a ``Store``: versioned documents, written only under preconditions."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from google.api_core.exceptions import GoogleAPICallError, RetryError, ServiceUnavailable
from google.api_core.retry import Retry, if_exception_type
from google.cloud import firestore
from google.cloud.firestore_v1 import DocumentSnapshot
from google.cloud.firestore_v1.base_query import FieldFilter
from pydantic import ValidationError

from shared.clock import StoreClock
from shared.errors import CommitUnclear, StoreUnavailable
from shared.gcp import values
from shared.ports import Collection, Create, Delete, Snapshot, T, Write

log = logging.getLogger(__name__)

_AWAY = (GoogleAPICallError, RetryError)


class FirestoreStore:
    """The production ``Store``; thread-safe, one per process."""

    def __init__(self, project: str, database: str = "(default)", *, timeout: float = 10.0) -> None:
        """Connect (lazily) to one database; FIRESTORE_EMULATOR_HOST is honoured.

        *timeout*: seconds that one call may take with all its repetitions.
        """
        self._patience: dict[str, Any] = {
            "timeout": timeout,
            "retry": Retry(
                predicate=if_exception_type(ServiceUnavailable), initial=0.1, timeout=timeout
            ),
        }
        self._client = firestore.Client(project=project, database=database)
        self.clock = StoreClock()

    def close(self) -> None:
        """Close the channel."""
        self._client.close()

    def get(self, collection: Collection[T], doc_id: str) -> Snapshot[T]:
        """Read one document; see ``Store``."""
        ref = self._client.collection(collection.name).document(doc_id)
        try:
            found = ref.get(**self._patience)
        except _AWAY as exc:
            raise StoreUnavailable(f"Firestore read: {type(exc).__name__}") from exc
        return self._snapshot(collection, found)

    def commit(self, *writes: Write) -> datetime:
        """Write all or nothing; see ``Store``."""
        client = self._client
        asked = values.request(client._database_string, map(self._written, writes))  # noqa: SLF001 - as the client itself does
        try:
            answer = client._firestore_api.commit(  # noqa: SLF001 - the same
                request=asked,
                metadata=client._rpc_metadata,  # noqa: SLF001 - the same
                **self._patience,
            )
        except _AWAY as exc:
            raise CommitUnclear(type(exc).__name__) from exc
        # What was deleted has no time of its own.
        time: datetime = answer.write_results[0].update_time or answer.commit_time
        self.clock.see(time)
        return time

    def _written(self, write: Write) -> Any:
        ref = self._client.collection(write.collection.name).document(write.id)
        path = ref._document_path  # noqa: SLF001 - as in `commit`
        if isinstance(write, Delete):
            return values.deleted(path, write.version)
        stamp = write.collection.stamp
        data = write.collection.adapter.dump_python(write.value)
        data.pop(stamp, None)  # the store's own, once and for all
        if isinstance(write, Create):
            return values.created(path, data, stamp)
        return values.updated(path, data, write.version)

    def due(self, collection: Collection[T], now: datetime, limit: int) -> Sequence[Snapshot[T]]:
        """What has its ``wake_at`` behind it; see ``Store``."""
        query = (
            self._client.collection(collection.name)
            .where(filter=FieldFilter("wake_at", "<=", now))
            .order_by("wake_at")
        )
        return self._first(collection, query, limit)

    def find(
        self,
        collection: Collection[T],
        equal: Mapping[str, Any],
        *,
        order: str = "",
        newest: bool = False,
        after: tuple[datetime, str] | None = None,
        limit: int,
    ) -> Sequence[Snapshot[T]]:
        """What has these values, in order; see ``Store``.

        The emulator needs no index; the cloud needs the composite ones of ``docs/operations.md``.
        """
        rows = self._client.collection(collection.name)
        query = self._where(collection, equal)
        if order:
            direction = firestore.Query.DESCENDING if newest else firestore.Query.ASCENDING
            query = query.order_by(order, direction=direction)
            query = query.order_by("__name__", direction=direction)
        if after is not None:
            query = query.start_after({order: after[0], "__name__": rows.document(after[1])})
        return self._first(collection, query, limit)

    def count(
        self,
        collection: Collection[T],
        equal: Mapping[str, Any],
        *,
        before: tuple[str, datetime] | None = None,
    ) -> int:
        """How many there are; see ``Store``. Costs one read per thousand."""
        query = self._where(collection, equal)
        if before is not None:
            query = query.where(filter=FieldFilter(before[0], "<", before[1]))
        return self._number(query.count())

    def total(self, collection: Collection[T], field: str, equal: Mapping[str, Any]) -> int:
        """What they add up to; see ``Store``. Costs one read per thousand."""
        return self._number(self._where(collection, equal).sum(field))

    def watch(
        self, collection: Collection[T], doc_id: str, tell: Callable[[Snapshot[T]], None]
    ) -> Callable[[], None]:
        """Listen to one document; see ``Store``."""
        ref = self._client.collection(collection.name).document(doc_id)

        def told(found: Sequence[DocumentSnapshot[Any]], *_: object) -> None:
            for one in found:
                if (seen := self._readable(collection, one)) is not None:
                    tell(seen)

        close: Callable[[], None] = ref.on_snapshot(told).unsubscribe
        return close

    def _where(self, collection: Collection[T], equal: Mapping[str, Any]) -> Any:
        query: Any = self._client.collection(collection.name)
        for name, value in equal.items():
            several = isinstance(value, tuple)
            wanted = FieldFilter(name, "in" if several else "==", list(value) if several else value)
            query = query.where(filter=wanted)
        return query

    def _number(self, aggregation: Any) -> int:
        try:
            return int(aggregation.get(**self._patience)[0][0].value)
        except _AWAY as exc:
            raise StoreUnavailable(f"Firestore query: {type(exc).__name__}") from exc

    def _first(self, collection: Collection[T], query: Any, limit: int) -> Sequence[Snapshot[T]]:
        """The first *limit* of a query that can be read: broken rows hide none behind them."""
        readable: list[Snapshot[T]] = []
        while True:
            try:
                found = query.limit(limit).get(**self._patience)
            except _AWAY as exc:
                raise StoreUnavailable(f"Firestore query: {type(exc).__name__}") from exc
            readable += [seen for one in found if (seen := self._readable(collection, one))]
            if len(readable) >= limit or len(found) < limit:
                return readable[:limit]
            query = query.start_after(found[-1])

    def _readable(
        self, collection: Collection[T], found: DocumentSnapshot[Any]
    ) -> Snapshot[T] | None:
        try:
            return self._snapshot(collection, found)
        except ValidationError:  # one broken row must not blind the sweeper for all others
            log.exception("unreadable document", extra={"document": found.reference.path})
            return None

    def _snapshot(self, collection: Collection[T], found: DocumentSnapshot[Any]) -> Snapshot[T]:
        self.clock.see(found.read_time)
        data = found.to_dict()
        value = collection.adapter.validate_python(data) if data is not None else None
        return Snapshot(found.id, value, found.update_time, found.read_time)
