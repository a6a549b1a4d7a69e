"""Documents as Firestore's own messages, made directly: the client's way costs half a commit.

The client builds a Python object around every value of a document, and takes it off again. These
fill the protocol's messages, for the types that documents of ours are made of.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from google.cloud.firestore_v1.types import CommitRequest, DocumentTransform, Write

_COMMIT: Final = CommitRequest.pb()
_WRITE: Final = Write.pb()
_PLAIN: Final = {
    bool: "boolean_value",
    bytes: "bytes_value",
    float: "double_value",
    int: "integer_value",
}
_REQUEST_TIME: Final = int(DocumentTransform.FieldTransform.ServerValue.REQUEST_TIME)


def request(database: str, writes: Iterable[Any]) -> CommitRequest:
    """All *writes* or none, in *database* (``projects/P/databases/D``)."""
    made: CommitRequest = CommitRequest.wrap(_COMMIT(database=database, writes=writes))
    return made


def created(path: str, data: Mapping[str, Any], stamp: str = "") -> Any:
    """A write of a document that must not exist; the store puts its own time into *stamp*."""
    write = _filled(path, data)
    write.current_document.exists = False
    if stamp:
        write.update_transforms.add(field_path=stamp, set_to_server_value=_REQUEST_TIME)
    return write


def updated(path: str, data: Mapping[str, Any], version: datetime) -> Any:
    """A write of these fields, plain names, of a document that must still be at *version*."""
    write = _filled(path, data)
    write.update_mask.field_paths.extend(data)
    _moment(write.current_document.update_time, version)
    return write


def deleted(path: str, version: datetime) -> Any:
    """The removal of a document that must still be at *version*."""
    write = _WRITE(delete=path)
    _moment(write.current_document.update_time, version)
    return write


def _filled(path: str, data: Mapping[str, Any]) -> Any:
    write = _WRITE()
    write.update.name = path
    _fields(write.update.fields, data)
    return write


def _fields(target: Any, data: Mapping[str, Any]) -> None:
    for name, value in data.items():
        _put(target[name], value)


def _put(target: Any, value: Any) -> None:
    match value:
        case None:
            target.null_value = 0
        case str():
            target.string_value = str(value)  # an enum's text
        case datetime():
            _moment(target.timestamp_value, value)
        case Mapping():
            target.map_value.SetInParent()
            _fields(target.map_value.fields, value)
        case list() | tuple():
            target.array_value.SetInParent()
            for item in value:
                _put(target.array_value.values.add(), item)
        case _:
            setattr(target, _PLAIN[type(value)], value)


def _moment(target: Any, value: datetime) -> None:
    """To the nanosecond where it is known: a version has to be exactly the store's."""
    exact = getattr(value, "timestamp_pb", None)  # of both classes that Google's libraries have
    if exact is None:
        target.FromDatetime(value)
    else:
        target.CopyFrom(exact())
