"""Reading what a client sent: JSON within limits, and problems that name field and cure."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from services.ingest.tracks.submission import CURES, Submission
from shared.edge import read_body
from shared.problems import Problem
from shared.targets import TargetNotAllowed, Targets

M = TypeVar("M", bound=BaseModel)

MAX_BODY: Final = 32 * 1024
_DEPTH: Final = 8
_MOST_ERRORS: Final = 20
"""Told in one answer: a body of nothing but unknown names would get a megabyte back."""


def read_json() -> dict[str, Any]:
    """The present request's body as a JSON object.

    Raises:
        Problem: 413 too long (noticed while reading), 415 not JSON by its type, or compressed,
            400 not JSON, or no flat object.
    """
    try:
        raw = read_body(MAX_BODY)
    except RequestEntityTooLarge:
        raise Problem(
            413,
            "request_entity_too_large",
            "The body is too long.",
            field="body",
            cure=f"Send at most {MAX_BODY} bytes.",
        ) from None
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(
            415,
            "unsupported_media_type",
            "The body must not be compressed.",
            field="Content-Encoding",
            cure="Send the JSON as it is.",
            headers={"Accept-Encoding": "identity"},
        )
    if request.mimetype != "application/json":
        raise Problem(
            415,
            "unsupported_media_type",
            "The body must be JSON.",
            field="Content-Type",
            cure="Send Content-Type: application/json.",
        )
    body = to_object(raw)
    if body is None:
        detail = "The body is not one JSON object, nested at most eight deep, each name once."
        raise Problem(400, "invalid_json", detail, field="body", cure="Send one JSON object.")
    return body


def to_object(raw: bytes) -> dict[str, Any] | None:
    """*raw* as a JSON object (RFC 8259, names unique), or None when it is none that we take."""
    try:
        # NaN and Infinity are no JSON, but a field refuses them by its name: the better answer.
        # Decoded here, since bytes may be UTF-16 to json; a byte order mark may come first (§8.1).
        body = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_members)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) and not _deep(body, _DEPTH) else None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name comes twice")
    return members


def _deep(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return False
    return levels == 0 or any(_deep(item, levels - 1) for item in value)


def parse(body: dict[str, Any], targets: Targets) -> Submission:
    """Check one submission.

    Raises:
        Problem: 400 with the first wrong field on top, and the first twenty in ``errors``.
    """
    submission = validated(Submission, body, CURES)
    if submission.callback_url:
        check_callback(submission.callback_url, targets)
    return submission


def check_callback(url: str, targets: Targets) -> None:
    """Return when ``callback_url`` may be called.

    Raises:
        Problem: 400, it may not.
    """
    try:
        targets.check(url)
    except TargetNotAllowed as exc:
        raise _problem([_refusal("callback_url", str(exc), exc.code)]) from None


def validated(model: type[M], body: dict[str, Any], cures: Mapping[str, str]) -> M:
    """*body* as a *model*; *cures*: for each of its fields, what to send instead.

    Raises:
        Problem: 400 with the first wrong field on top, and the first twenty in ``errors``.
    """
    try:
        return model.model_validate(body)
    except ValidationError as exc:
        found = exc.errors(include_url=False, include_input=False)
        errors = [_error(error, cures) for error in found]
        raise _problem(list({e["field"]: e for e in reversed(errors)}.values())[::-1]) from None


def _error(error: Any, cures: Mapping[str, str]) -> dict[str, str]:
    field = str(next(iter(error["loc"]), "body"))  # no place: a name that is no Unicode text
    if error["type"] == "extra_forbidden":
        return _refusal(field, "is not a field of this request", "unknown_field", cures)
    if error["type"] == "missing":
        return _refusal(field, "is missing", "missing_field", cures)
    return _refusal(field, error["msg"].removeprefix("Value error, "), cures=cures)


def _refusal(
    field: str,
    detail: str,
    code: str = "invalid_field",
    cures: Mapping[str, str] = CURES,
) -> dict[str, str]:
    cure = cures.get(field, f"Leave it out; the fields are: {', '.join(cures)}.")
    return {"field": field, "code": code, "detail": detail, "cure": cure}


def _problem(errors: list[dict[str, str]]) -> Problem:
    first = errors[0]
    return Problem(
        400,
        first["code"],
        f"{first['field']}: {first['detail']}",
        field=first["field"],
        cure=first["cure"],
        errors=errors[:_MOST_ERRORS],
    )


def fingerprint(body: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON as received: no defaults, keys sorted, no blanks."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
