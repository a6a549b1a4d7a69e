"""JSON Schemas of everything that is sent and answered, by pydantic, from the types themselves."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from pydantic import TypeAdapter

_REF: Final = "#/components/schemas/{model}"
_LITERAL: Final = re.compile("``([^`]+)``")

Mode = Literal["validation", "serialization"]


class Types:
    """The schemas of some types, and the components that these refer to."""

    def __init__(self, sent: Iterable[Any], answered: Iterable[Any]) -> None:
        """*sent* is what requests hold, *answered* what answers hold."""
        wanted: list[tuple[Any, Mode, TypeAdapter[Any]]] = [
            *((one, "validation", TypeAdapter(one)) for one in dict.fromkeys(sent)),
            *((one, "serialization", TypeAdapter(one)) for one in dict.fromkeys(answered)),
        ]
        schemas, rest = TypeAdapter.json_schemas(wanted, ref_template=_REF)
        self._schemas = {one: _plain(schema) for (one, _), schema in schemas.items()}
        self.components: Mapping[str, Any] = _plain(rest["$defs"])

    def schema(self, one: Any) -> dict[str, Any]:
        """Of one of these types: mostly a reference."""
        return dict(self._schemas[one])


def _plain(schema: Any) -> Any:
    """Without the titles that only repeat the names, and with docstrings made Markdown."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if isinstance(schema, str):
        return _LITERAL.sub(r"`\1`", schema)
    if not isinstance(schema, dict):
        return schema
    titled = isinstance(schema.get("title"), str)  # else it is a member of that name
    return {name: _plain(one) for name, one in schema.items() if not (titled and name == "title")}
