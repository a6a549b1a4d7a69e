"""Cloud Storage as ``Objects``: every write names the generation that it replaces."""

import io
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType

import requests
from google.api_core.exceptions import (
    GoogleAPICallError,
    NotFound,
    PreconditionFailed,
    RetryError,
)
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage import Blob, Client
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY

from shared.delivery import CACHE_CONTROL
from shared.errors import StorageUnavailable
from shared.ports import SeekableFile, Stored

_TIMEOUT = 20.0
_RETRY = DEFAULT_RETRY.with_timeout(_TIMEOUT)
_AWAY = (
    *(GoogleAPICallError, RetryError, requests.RequestException, GoogleAuthError),
    *(DataCorruption, InvalidResponse),
)
_CHUNK = 8 * 2**20
"""Of a large upload: what is copied at a time."""
_NONE: Mapping[str, str] = MappingProxyType({})


def storage_client(project: str) -> Client:
    """A client with the default credentials; with STORAGE_EMULATOR_HOST without any."""
    if os.environ.get("STORAGE_EMULATOR_HOST"):
        return Client(project=project, credentials=AnonymousCredentials())
    return Client(project=project)


class BucketObjects:
    """One bucket; thread-safe as far as the client is (it is, for separate blobs)."""

    def __init__(self, client: Client, bucket: str) -> None:
        """Wrap *bucket*; nothing is fetched."""
        self._bucket = client.bucket(bucket)

    def uri(self, name: str) -> str:
        """``gs://`` address of an object."""
        return f"gs://{self._bucket.name}/{name}"

    def look(self, name: str) -> Stored | None:
        """The live generation, or None; see ``Objects``."""
        try:
            blob = self._bucket.get_blob(name, timeout=_TIMEOUT, retry=_RETRY)
        except _AWAY as exc:
            raise StorageUnavailable(f"look at {name}: {type(exc).__name__}") from exc
        return _stored(blob) if blob is not None else None

    def read(self, name: str) -> bytes:
        """The live generation's bytes; see ``Objects``."""
        try:
            data: bytes = self._bucket.blob(name).download_as_bytes(timeout=_TIMEOUT, retry=_RETRY)
        except _AWAY as exc:
            raise StorageUnavailable(f"read of {name}: {type(exc).__name__}") from exc
        return data

    def write(
        self,
        name: str,
        data: bytes | SeekableFile,
        mime: str,
        *,
        replaces: int,
        metadata: Mapping[str, str] = _NONE,
        disposition: str = "",
    ) -> Stored | None:
        """Write one object; None when something else is there; see ``Objects``."""
        blob = self._bucket.blob(name, chunk_size=_CHUNK)
        blob.metadata = dict(metadata) or None
        if disposition:
            blob.content_disposition, blob.cache_control = disposition, CACHE_CONTROL
        file = io.BytesIO(data) if isinstance(data, bytes) else data
        try:
            blob.upload_from_file(
                file,
                rewind=True,
                size=file.seek(0, io.SEEK_END) or file.tell(),
                content_type=mime,
                if_generation_match=replaces,
                checksum="crc32c",
                timeout=_TIMEOUT,
                retry=_RETRY,
            )
        except PreconditionFailed:
            return None
        except _AWAY as exc:
            raise StorageUnavailable(f"write of {name}: {type(exc).__name__}") from exc
        return _stored(blob)

    def list(self, prefix: str) -> Sequence[Stored]:
        """The live objects below *prefix*; see ``Objects``."""
        try:
            found = self._bucket.list_blobs(prefix=prefix, timeout=_TIMEOUT, retry=_RETRY)
            return [_stored(blob) for blob in found]
        except _AWAY as exc:
            raise StorageUnavailable(f"list of {prefix}: {type(exc).__name__}") from exc

    def delete(self, stored: Stored) -> None:
        """Delete exactly this generation; see ``Objects``."""
        try:
            self._bucket.blob(stored.name).delete(
                if_generation_match=stored.generation, timeout=_TIMEOUT, retry=_RETRY
            )
        except (NotFound, PreconditionFailed):
            return
        except _AWAY as exc:
            raise StorageUnavailable(f"delete of {stored.name}: {type(exc).__name__}") from exc

    def purge(self, prefix: str) -> None:
        """Delete every generation below *prefix* for good; see ``Objects``."""
        try:
            for blob in self._bucket.list_blobs(
                prefix=prefix, versions=True, timeout=_TIMEOUT, retry=_RETRY
            ):
                with suppress(NotFound):  # somebody else purges as well
                    # A delete that names a generation leaves no noncurrent one behind.
                    self._bucket.blob(blob.name, generation=blob.generation).delete(
                        timeout=_TIMEOUT, retry=_RETRY
                    )
        except _AWAY as exc:
            raise StorageUnavailable(f"purge of {prefix}: {type(exc).__name__}") from exc


def _stored(blob: Blob) -> Stored:
    return Stored(
        name=blob.name,
        generation=int(blob.generation),
        size_bytes=int(blob.size),
        crc32c=blob.crc32c,
        metadata=dict(blob.metadata or {}),
    )
