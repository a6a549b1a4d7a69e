"""What can go wrong: one family of exceptions, each with a code and, where there is one, a cure."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from motif.text import plain

if TYPE_CHECKING:
    from motif.results import Track

_WIDEST: Final = 600
_AGAIN: Final = frozenset({429, 503})
"""The API says itself: nothing was done, come again."""
_BROKEN: Final = frozenset({500, 502, 504})
"""Something may have been done."""


class MotifError(Exception):
    """Everything that this client raises, but for what the file system raises.

    ``code`` (stable), ``message``, ``field`` (the offending input), ``cure`` (what helps),
    ``status`` (of HTTP; 0: there was no answer), ``request_id`` (of the HTTP request, for a
    report), ``retry_after`` (seconds; None: not told), ``errors`` (many at once, as dicts).
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str = "",
        cure: str = "",
        status: int = 0,
        request_id: str = "",
        retry_after: float | None = None,
        errors: Sequence[Mapping[str, Any]] = (),
        temporary: bool = False,
        unheard: bool = False,
    ) -> None:
        """*temporary*: asking again may help; *unheard*: nothing was done for this request."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.cure = cure
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after
        self.errors = errors
        self.temporary = temporary
        self.unheard = unheard

    def __str__(self) -> str:
        """For a person: what is wrong, and what helps."""
        return f"{self.message} {self.cure}".strip()

    def __reduce__(self) -> tuple[Any, ...]:
        """So that it gets from one process to another."""
        return _again, (type(self), self.__dict__)

    def as_dict(self) -> dict[str, Any]:
        """What there is to tell, ready for JSON."""
        names = ("code", "message", "field", "cure", "status", "request_id", "retry_after")
        found = {name: getattr(self, name) for name in names}
        return {name: value for name, value in found.items() if value not in ("", 0, None)}


class Misuse(MotifError):
    """Nothing was sent: the question cannot be asked like this."""

    def __init__(self, message: str, cure: str = "", *, field: str = "") -> None:
        """The code is always ``misuse``."""
        super().__init__("misuse", message, field=field, cure=cure)


class Refused(MotifError):
    """The API understood and said no (4xx); the same question gets the same answer."""


class Limited(Refused):
    """Too much for now (429): rate, open tracks, or the day's spend."""


class Unavailable(MotifError):
    """No answer that helps, within the time that was given: no connection, cut, or 5xx."""


class BadAnswer(MotifError):
    """What answered does not speak as this API does."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        """The code is always ``bad_answer``."""
        cure = "Check the base URL, and that no proxy answers in the API's place."
        super().__init__("bad_answer", message, cure=cure, status=status)


class Damaged(MotifError):
    """A download is not what the API announced; nothing was kept of it."""

    def __init__(self, message: str) -> None:
        """The code is always ``damaged``."""
        super().__init__("damaged", message, cure="Download it again.")


class TimedOut(MotifError):
    """The track has not ended within the time that was given; it goes on. See ``track``."""

    def __init__(self, track: "Track", seconds: float) -> None:
        """*track*: the last that was seen of it."""
        message = f"{track.request_id} has not ended within {seconds:g} s: {track.status}."
        super().__init__("timeout", message, cure="It goes on: wait for it again by its id.")
        self.track = track


class TrackFailed(MotifError):
    """The track has ended without audio; ``code``, ``message`` and ``cure`` are its own."""

    def __init__(self, track: "Track") -> None:
        """*track*: failed, cancelled or expired."""
        error = track.error
        message = error.message if error else f"The track is {track.status}."
        super().__init__(
            error.code if error else track.status, message, cure=error.cure if error else ""
        )
        self.track = track


def _again(kind: type[MotifError], members: dict[str, Any]) -> MotifError:
    error = kind.__new__(kind)
    error.__dict__.update(members)
    return error


def of_answer(status: int, body: bytes, request_id: str, retry_after: float | None) -> MotifError:
    """The error that an answer is; *body* may be anything.

    *status*: what is below 400 is no answer to any question of ours.
    """
    problem = _problem(body)
    code = problem.get("code") or _phrase(status).lower().replace(" ", "_")
    told: dict[str, Any] = {
        "field": problem.get("field", ""),
        "cure": problem.get("cure", ""),
        "status": status,
        "request_id": problem.get("request_id") or request_id,
        "retry_after": retry_after,
        "errors": problem.get("errors", ()),
        "temporary": status in _AGAIN | _BROKEN,
        "unheard": status in _AGAIN,
    }
    if status < 400:  # noqa: PLR2004 - where the errors of HTTP begin
        return BadAnswer(f"An answer {status} was not expected here.", status=status)
    if not problem:
        told["cure"] = "This did not come from the API itself: check the base URL, or try later."
    message = problem.get("detail") or f"HTTP {status} {_phrase(status)}."
    return _kind(status)(code, message, **told)


def _kind(status: int) -> type[MotifError]:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Limited
    return Unavailable if status >= 500 else Refused  # noqa: PLR2004 - where the server's begin


def _problem(body: bytes) -> dict[str, Any]:
    """The members of problem+json that are as they should be; nothing of what is none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    words = ("code", "detail", "field", "cure", "request_id")
    problem: dict[str, Any] = {
        word: plain(found[word], _WIDEST) for word in words if isinstance(found.get(word), str)
    }
    errors = found.get("errors")
    if isinstance(errors, list):
        problem["errors"] = tuple(one for one in errors if isinstance(one, dict))
    return problem


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"status {status}"
