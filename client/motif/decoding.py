"""From JSON to frozen dataclasses: what is new is passed over, what is wrong is told."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from motif.errors import BadAnswer

T = TypeVar("T")


def decode(kind: type[T], data: object, where: str = "") -> T:
    """*data* (decoded JSON) as the dataclass *kind*; a field ``raw`` gets *data* itself.

    Raises:
        BadAnswer: a member is missing or of another kind; the text names it.
    """
    if not isinstance(data, dict):
        raise _wrong(where or "the answer", "no object")
    given: dict[str, Any] = {}
    for one, hint in _members(kind):  # type: ignore[arg-type]  # every class can be hashed
        place = f"{where}.{one.name}".lstrip(".")
        if one.name == "raw":
            given["raw"] = data
        elif data.get(one.name) is not None:
            given[one.name] = _value(hint, data[one.name], place)
        elif one.default is MISSING and one.default_factory is MISSING:
            raise _wrong(place, "missing")
    return kind(**given)


@cache
def _members(kind: Any) -> list[tuple[Field[Any], Any]]:
    hints = get_type_hints(kind)
    return [(one, hints[one.name]) for one in fields(kind)]


def _value(hint: Any, data: object, where: str) -> Any:
    origin = get_origin(hint)
    if hint is Any:
        return data
    if origin is UnionType:
        (hint,) = (one for one in get_args(hint) if one is not NoneType)
        return _value(hint, data, where)
    if origin is tuple and isinstance(data, list):
        return tuple(_value(get_args(hint)[0], one, where) for one in data)
    if origin is Mapping and isinstance(data, dict):
        return {key: _value(get_args(hint)[1], one, f"{where}.{key}") for key, one in data.items()}
    if isinstance(hint, type) and is_dataclass(hint):
        return decode(hint, data, where)
    return _scalar(hint, data, where)


def _scalar(hint: Any, data: object, where: str) -> Any:
    try:
        if hint is datetime and isinstance(data, str):
            return datetime.fromisoformat(data)
        if hint is float and isinstance(data, int) and not isinstance(data, bool):
            return float(data)
    except (ValueError, OverflowError):
        raise _wrong(where, "unreadable") from None
    if (
        isinstance(hint, type)
        and isinstance(data, hint)
        and isinstance(data, bool) <= (hint is bool)
    ):
        return data
    raise _wrong(where, "of another kind")


def _wrong(where: str, how: str) -> BadAnswer:
    return BadAnswer(f"The answer cannot be used: {where} is {how}.")
