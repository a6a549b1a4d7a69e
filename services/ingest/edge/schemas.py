"""Markers that pydantic reads from annotations: what a field may hold, and how it is described."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import (
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
    with_config,
)
from pydantic_core import CoreSchema, core_schema

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""An instant as RFC 3339 text, in UTC."""
Link = Annotated[str, Field(json_schema_extra={"format": "uri"})]
"""An absolute URL."""
Id = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
"""Of a track."""
described: Final = with_config(ConfigDict(use_attribute_docstrings=True))
"""Decorates a TypedDict whose attribute docstrings are its members' descriptions."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """The field holds one of these; both the check and its description are made of them."""

    allowed: tuple[Any, ...]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Refuse everything else, by naming what is allowed."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The same as a closed enumeration."""
        kinds = {"string" if isinstance(one, str) else "integer" for one in self.allowed}
        return {"type": kinds.pop(), "enum": [*map(_plain, self.allowed)]}

    def _checked(self, value: Any) -> Any:
        if value not in self.allowed:
            raise ValueError(f"must be one of: {', '.join(map(str, self.allowed))}")
        return value


@dataclass(frozen=True, slots=True)
class Shaped:
    """A plain dict that has the members of *model*: it is described as that model is."""

    model: Any

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The model's own."""
        return handler(self.model)


def links(*always: str, **sometimes: str) -> WithJsonSchema:
    """Describe a dict of URLs: names that it always has, and when it has which others."""
    found: dict[str, dict[str, str]] = {name: {} for name in always}
    found |= {name: {"description": when} for name, when in sometimes.items()}
    return WithJsonSchema(
        {
            "type": "object",
            "properties": {
                name: {"type": "string", "format": "uri"} | rest for name, rest in found.items()
            },
            "required": list(always),
        }
    )


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value
