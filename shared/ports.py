"""What the use cases need from the outside world, as Protocols; ``shared.gcp`` fulfils them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

from pydantic import TypeAdapter

from shared.clock import StoreClock
from shared.messages import FileObject, Message

T = TypeVar("T")


@dataclass(frozen=True)
class Collection(Generic[T]):
    """A Firestore collection and the type of its documents."""

    name: str
    type: type[T]
    stamp: str = ""
    """A field that only the store writes: its own time of the commit that made the document."""

    @cached_property
    def adapter(self) -> TypeAdapter[T]:
        """Document <-> value; built at first use."""
        return TypeAdapter(self.type)


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[T]):
    """One document as one read saw it; ``value`` is None when there is none."""

    id: str
    value: T | None
    version: datetime | None
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Create(Generic[T]):
    """Write a document that must not exist yet."""

    collection: Collection[T]
    id: str
    value: T


@dataclass(frozen=True, slots=True)
class Update(Generic[T]):
    """Replace a document that must still be at ``version``."""

    collection: Collection[T]
    id: str
    value: T
    version: datetime


@dataclass(frozen=True, slots=True)
class Delete(Generic[T]):
    """Remove a document that must still be at ``version``."""

    collection: Collection[T]
    id: str
    version: datetime


Write = Create[Any] | Update[Any] | Delete[Any]
"""One part of a commit."""


class Documents(Protocol):
    """Documents with versions, one by one."""

    clock: StoreClock

    def get(self, collection: Collection[T], doc_id: str) -> Snapshot[T]:
        """Read one document.

        Raises:
            StoreUnavailable: no answer.
        """

    def commit(self, *writes: Write) -> datetime:
        """Write all or nothing; return the commit's time.

        Raises:
            CommitUnclear: a precondition failed, or no verdict arrived: read again.
        """


class Store(Documents, Protocol):
    """Documents with versions, queries over them, listeners to them: the truth."""

    def due(self, collection: Collection[T], now: datetime, limit: int) -> Sequence[Snapshot[T]]:
        """Documents whose ``wake_at`` is not after *now*, oldest first.

        Raises:
            StoreUnavailable: no answer.
        """

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
        """Documents whose fields equal *equal* (a tuple: one of these), at most *limit*.

        *order* is a field of times: earliest first, then by id; *newest*: the other way round.
        *after*: only what comes behind the document with that time and id, of which none needs
        to be there.

        Raises:
            StoreUnavailable: no answer.
        """

    def count(
        self,
        collection: Collection[T],
        equal: Mapping[str, Any],
        *,
        before: tuple[str, datetime] | None = None,
    ) -> int:
        """How many documents have these values (as in ``find``).

        *before*: a field of times, and the time that it must be earlier than.

        Raises:
            StoreUnavailable: no answer.
        """

    def total(self, collection: Collection[T], field: str, equal: Mapping[str, Any]) -> int:
        """The sum of a *field* of whole numbers over the documents with these values.

        Raises:
            StoreUnavailable: no answer.
        """

    def watch(
        self, collection: Collection[T], doc_id: str, tell: Callable[[Snapshot[T]], None]
    ) -> Callable[[], None]:
        """Have *tell* called with the document as it is, if there is one, then with each version.

        *tell* runs in a thread of the store's and must not block. Nothing says when a listener
        goes silent: read the document now and then. The answer closes it; call that once.
        """


class Publisher(Protocol):
    """One topic; publishing waits for the acknowledgement."""

    def publish(self, message: Message | bytes, attributes: Mapping[str, str]) -> None:
        """Publish one message.

        Raises:
            RetryableError: not acknowledged in time (it may arrive all the same).
        """


@dataclass(frozen=True, slots=True)
class Stored:
    """One generation of one object."""

    name: str
    generation: int
    size_bytes: int
    crc32c: str
    metadata: Mapping[str, str]


class SeekableFile(Protocol):
    """An open binary file: ``BytesIO``, or a map of memory."""

    def read(self, size: int = -1, /) -> bytes:
        """At most *size* bytes from the present position on."""

    def seek(self, offset: int, whence: int = 0, /) -> Any:
        """Move the position."""

    def tell(self) -> int:
        """The position."""


class Objects(Protocol):
    """One bucket; every write names the generation that it replaces (0: none)."""

    def uri(self, name: str) -> str:
        """``gs://`` address of an object."""

    def look(self, name: str) -> Stored | None:
        """The live generation, or None.

        Raises:
            StorageUnavailable: no answer.
        """

    def read(self, name: str) -> bytes:
        """The live generation's bytes.

        Raises:
            StorageUnavailable: no answer, or no such object.
        """

    def write(
        self,
        name: str,
        data: bytes | SeekableFile,
        mime: str,
        *,
        replaces: int,
        metadata: Mapping[str, str] = {},
        disposition: str = "",
    ) -> Stored | None:
        """Write one object; None when the live generation is not *replaces* (a 412).

        *disposition*: its ``Content-Disposition``, for what links lead to; browsers may keep such
        an object for as long as a link is good.

        Raises:
            StorageUnavailable: no answer.
        """

    def list(self, prefix: str) -> Sequence[Stored]:
        """The live objects whose names begin with *prefix*.

        Raises:
            StorageUnavailable: no answer.
        """

    def delete(self, stored: Stored) -> None:
        """Delete exactly this generation; one that is not live any more is left as it is.

        Raises:
            StorageUnavailable: no answer.
        """

    def purge(self, prefix: str) -> None:
        """Delete for good every generation of all objects whose names begin with *prefix*.

        Raises:
            StorageUnavailable: no answer; some may be gone.
        """


class UrlSigner(Protocol):
    """Short-lived links to objects."""

    @property
    def origin(self) -> str:
        """Scheme and host of all links: what a page must allow by name."""

    def url(self, file: FileObject, filename: str, *, download: bool = False) -> str:
        """A signed GET URL of exactly this generation.

        *download*: a browser saves what is opened, as *filename*. Where links cannot say so, the
        stored object does, always.

        Raises:
            StorageUnavailable: the signing service did not answer.
        """
