"""Every failure as one RFC 9457 problem, with a code word and, where there is one, a cure."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from werkzeug.exceptions import HTTPException

from shared.errors import (
    Code,
    Forbidden,
    MotifError,
    PermanentError,
    RetryableError,
    Unauthenticated,
)

MIME_TYPE: Final = "application/problem+json"
RETRY_AFTER: Final = 10
"""Seconds, in every 503 of ours."""
_ANSWERS: Final[tuple[tuple[type[MotifError], int, dict[str, str]], ...]] = (
    (Unauthenticated, 401, {"WWW-Authenticate": "Bearer"}),
    (Forbidden, 403, {}),
    (PermanentError, 400, {}),
    (RetryableError, 503, {"Retry-After": str(RETRY_AFTER)}),
)


_CURES: Final[dict[int, str]] = {
    HTTPStatus.NOT_FOUND: "GET /openapi.json lists all calls.",
    HTTPStatus.METHOD_NOT_ALLOWED: "Use one of the methods that `Allow` names.",
}
"""Of what Flask itself refuses."""


class Problem(Exception):
    """An answer that is no success; raise it anywhere below a view.

    *field* names the offending input, *cure* says what helps; *errors* are many of these at
    once, as ``{line?, field?, code, detail?, cure?}``.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        field: str = "",
        cure: str = "",
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """*detail* and *cure* are for the caller to read: no secrets, nothing of our inside."""
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field
        self.cure = cure
        self.errors = errors
        self.headers = dict(headers or {})

    def body(self, request_id: str) -> dict[str, Any]:
        """The JSON members; ``type`` is a place on the API's documentation page."""
        optional = {"field": self.field, "cure": self.cure, "errors": list(self.errors)}
        return {
            "type": f"/docs#{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **{name: value for name, value in optional.items() if value},
            "request_id": request_id,
        }


def problem_of(exc: Exception) -> Problem:
    """What to answer when *exc* reached the edge; the unexpected tells nothing of itself."""
    match exc:
        case Problem():
            return exc
        case HTTPException():
            return _of_http(exc)
        case PermanentError() | RetryableError():
            return _of_ours(exc)
    return Problem(
        500,
        Code.INTERNAL,
        "Something broke on our side; it has been logged.",
        cure="Try again later; if it stays, report the request id.",
    )


def _of_ours(exc: MotifError) -> Problem:
    status, headers = next(
        (status, headers) for kind, status, headers in _ANSWERS if isinstance(exc, kind)
    )
    return Problem(status, exc.code, str(exc), headers=headers)


def _of_http(exc: HTTPException) -> Problem:
    status = exc.code or 500
    code = Code.INTERNAL if status == HTTPStatus.INTERNAL_SERVER_ERROR else _word(exc.name)
    return Problem(
        status,
        code,
        exc.description or exc.name,
        cure=_CURES.get(status, ""),
        headers=dict(exc.get_headers()),
    )


def _word(name: str) -> str:
    return name.lower().replace(" ", "_").replace("'", "")
