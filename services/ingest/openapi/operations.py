"""What one call of the API is, before it is OpenAPI: the rows of the tables beside this file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from services.ingest.edge.cursors import DEFAULT, LARGEST

JSON: Final = "application/json"
FORM: Final = "multipart/form-data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A query parameter or a header; all are optional."""

    name: str
    about: str
    schema: Mapping[str, Any]
    where: str = "query"
    example: Any = None
    """A list goes into one value, by commas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that is no problem."""

    status: int
    about: str
    body: Any = None
    """Its type; None: it has no body, or one that is no JSON."""
    media: str = JSON
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    """Of a body that is no JSON."""
    headers: tuple[str, ...] = ()
    """Names from ``HEADERS``."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Call that can be made next -> where in this answer its path parameter is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One method of one path."""

    method: str
    path: str
    name: str
    """``operationId``."""
    tag: str
    summary: str
    about: str = ""
    body: Any = None
    """Type of the request's body."""
    body_required: bool = True
    form: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Parts of a body that is multipart/form-data instead: name -> schema, and ``contentType``."""
    parameters: tuple[Parameter, ...] = ()
    answers: tuple[Answer, ...] = ()
    codes: tuple[str, ...] = ()
    """Of problems, beside those that every such call has."""
    public: bool = False
    """It takes no key."""
    own_errors: bool = False
    """Its failures are no problem+json, but among ``answers``."""

    def all_codes(self) -> tuple[str, ...]:
        """Every code that this call can be refused with."""
        if self.own_errors:
            return ()
        sent = BODY_CODES if self.body else FORM_CODES if self.form else ()
        keyed = () if self.public else KEY_CODES
        safe = self.public or self.method == "GET"
        written = () if safe else WRITE_CODES
        return tuple(dict.fromkeys((*self.codes, *sent, *keyed, *written, "internal")))


PAGING: Final = (
    Parameter(
        name="after",
        about="`next` of an earlier answer, as it was; without it the list begins anew.",
        schema={"type": "string", "format": "cursor", "minLength": 1},
    ),
    Parameter(
        name="limit",
        about="How many at most.",
        schema={"type": "integer", "minimum": 1, "maximum": LARGEST, "default": DEFAULT},
        example=20,
    ),
)
BODY_CODES: Final = (
    *("bad_request", "invalid_json", "invalid_field", "unknown_field"),
    *("request_entity_too_large", "unsupported_media_type"),
)
FORM_CODES: Final = (
    *("bad_request", "invalid_field", "unknown_field", "missing_field"),
    *("unsupported_media_type",),
)
KEY_CODES: Final = ("invalid_field", "unauthenticated", "rate_limited", "store_unavailable")
"""Of every call that takes a key: each refuses query parameters that it does not know."""
WRITE_CODES: Final = ("csrf_failed",)
"""Of those that change something, for a browser with a session."""

HEADERS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "X-Request-Id": ("Of this HTTP request: sent, or made here.", {"type": "string"}),
    "Location": ("Where it is.", {"type": "string", "format": "uri"}),
    "ETag": ("Changes with the answer.", {"type": "string"}),
    "Retry-After": ("Seconds to wait.", {"type": "integer", "minimum": 0}),
    "WWW-Authenticate": ("How to show who you are.", {"type": "string"}),
    "RateLimit-Policy": ("How many calls in how many seconds.", {"type": "string"}),
    "RateLimit": ("How many are left.", {"type": "string"}),
    "Set-Cookie": ("The session.", {"type": "string"}),
    "Idempotent-Replayed": ("`true`: this key came before.", {"type": "string"}),
}
"""Name -> what it says, and its schema."""
OF_LIMITED: Final = ("RateLimit-Policy", "RateLimit")
"""Headers of every answer to a tenant whose calls are limited."""
OF_STATUS: Final[Mapping[int, tuple[str, ...]]] = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
"""Headers that come with every problem of a status."""
