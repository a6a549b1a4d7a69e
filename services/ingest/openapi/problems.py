"""Refusals in the document: for each status of a call, the codes that it can have there."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from services.ingest.openapi.codes import CODES, Word
from services.ingest.openapi.operations import HEADERS, OF_STATUS
from shared.problems import MIME_TYPE, Problem

_REQUEST_ID = "4c1f0e7d6b5a49388f7e6d5c4b3a2910"


def refusals(codes: Iterable[str], more: Iterable[str] = ()) -> dict[str, Any]:
    """``responses`` for these codes, by status; *more*: headers of all of them."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(CODES[code].status, []).append(code)
    return {str(status): _refusal(status, by_status[status], more) for status in sorted(by_status)}


def headers(*names: str) -> dict[str, Any]:
    """These headers, and the one that every answer has."""
    return {
        name: {"description": HEADERS[name][0], "schema": dict(HEADERS[name][1])}
        for name in (*names, "X-Request-Id")
    }


def _refusal(status: int, codes: list[str], more: Iterable[str]) -> dict[str, Any]:
    narrowed = {"code": {"enum": codes}, "status": {"const": status}}
    schema = {
        "allOf": [
            {"$ref": "#/components/schemas/Problem"},
            {"type": "object", "properties": narrowed},
        ]
    }
    examples = {code: {"summary": CODES[code].meaning, "value": _example(code)} for code in codes}
    return {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(f'`{code}`' for code in codes)}",
        "headers": headers(*OF_STATUS.get(status, ()), *more),
        "content": {MIME_TYPE: {"schema": schema, "examples": examples}},
    }


def _example(code: str) -> dict[str, Any]:
    word: Word = CODES[code]
    return Problem(word.status, code, word.meaning, cure=word.cure).body(_REQUEST_ID)
