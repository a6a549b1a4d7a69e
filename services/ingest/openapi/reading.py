"""The document as people read it: rows of names, types and meanings, for the page's template."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from markupsafe import Markup, escape

from services.ingest.openapi.codes import CODES, ENDINGS
from services.ingest.openapi.operations import FORM
from shared.cures import CURES

Schema = Mapping[str, Any]
_BOUNDS: Final = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {}",
    "maxItems": "at most {}",
    "maxProperties": "at most {}",
}
_REF: Final = "#/components/schemas/"


class Row(NamedTuple):
    """A field, a parameter or a header."""

    name: str
    type: Markup
    about: Markup
    required: bool = False


class Meaning(NamedTuple):
    """A code word, with its own place on the page."""

    code: str
    status: int | None
    about: Markup
    cure: Markup


def prose(text: str) -> Markup:
    """Plain text as HTML; what stands in backticks is code."""
    parts = text.split("`")
    made = [
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    ]
    return Markup("").join(made)


def shape(schema: Schema) -> Markup:
    """What a value may be, in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REF)
        return Markup('<a href="#schema-{0}">{0}</a>').format(name)
    if "anyOf" in schema:
        return Markup(" or ").join(shape(one) for one in schema["anyOf"])
    if "enum" in schema:
        return Markup(", ").join(
            Markup("<code>{}</code>").format(_json(one)) for one in schema["enum"]
        )
    bounds = [text.format(schema[name]) for name, text in _BOUNDS.items() if name in schema]
    return Markup(", ").join([_kind(schema), *map(escape, bounds)])


def _kind(schema: Schema) -> Markup:
    kind = schema.get("type", "anything")
    if kind == "array":
        return Markup("list of ") + shape(schema.get("items", {}))
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return Markup("object of ") + shape(schema["additionalProperties"])
    return escape(schema.get("format", kind))


def rows(schema: Schema) -> list[Row]:
    """The members of an object."""
    required = schema.get("required", ())
    return [
        Row(name, shape(one), _about(one, one), name in required)
        for name, one in schema.get("properties", {}).items()
    ]


def parameters(operation: Schema) -> list[Row]:
    """Of path, query and headers."""
    return [
        Row(
            one["name"],
            shape(one["schema"]),
            _about(one, one["schema"]),
            one.get("required", False),
        )
        for one in operation.get("parameters", ())
    ]


def _about(described: Schema, schema: Schema) -> Markup:
    text = prose(described.get("description", ""))
    if schema.get("default") in (None, "", [], {}):
        return text
    return text + Markup(" Default: <code>{}</code>.").format(_json(schema["default"]))


def bodies(content: Mapping[str, Any]) -> Iterator[tuple[str, Markup, dict[str, str]]]:
    """Each media type, what it holds, and its examples as indented JSON."""
    for media, one in content.items():
        examples = {name: dump(x["value"]) for name, x in one.get("examples", {}).items()}
        yield media, shape(one["schema"]), examples


def codes(content: Mapping[str, Any]) -> list[str]:
    """Those that an answer's problems can have; empty for an answer that is no problem."""
    for one in content.values():
        for part in one["schema"].get("allOf", ()):
            if "code" in part.get("properties", {}):
                return list(part["properties"]["code"]["enum"])
    return []


def curl(method: str, url: str, operation: Schema) -> str:
    """A line for a shell that makes this call."""
    responses = operation["responses"]
    if "101" in responses:
        parts, url = ["websocat"], f"ws{url.removeprefix('http')}"
    elif "302" in responses:  # the file, under the name that it is offered with
        parts = ["curl -L -O -J"]
    elif "text/event-stream" in responses.get("200", {}).get("content", {}):
        parts = ["curl -N"]
    else:
        parts = ["curl"] if method == "get" else [f"curl -X {method.upper()}"]
    parts.append(f'"{url}"')
    if operation["security"]:
        parts.append('-H "Authorization: Bearer $MOTIF_API_KEY"')
    for media, one in operation.get("requestBody", {}).get("content", {}).items():
        if media == FORM:
            parts += [f"-F {name}=@{name}.jpg" for name in one["schema"]["required"]]
            continue
        first = next(iter(one["examples"].values()))["value"]
        parts += ['-H "Content-Type: application/json"', f"-d '{json.dumps(first)}'"]
    return " \\\n  ".join(parts)


def refusals() -> list[Meaning]:
    """Every code of a refused request."""
    return [
        Meaning(code, word.status, prose(word.meaning), prose(word.cure))
        for code, word in CODES.items()
    ]


def endings() -> list[Meaning]:
    """Every code that a track can end with."""
    return [
        Meaning(code, None, prose(about), prose(CURES[code][0])) for code, about in ENDINGS.items()
    ]


def dump(value: Any) -> str:
    """Indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
