"""``POST /``: the first service's contract, word for word, for clients that were written for it."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from services.ingest.edge.bodies import MAX_BODY, fingerprint, to_object
from services.ingest.identity.callers import act_for, caller
from services.ingest.limits.admission import Limits
from services.ingest.limits.rates import check_rate
from services.ingest.tracks import catalog, views
from services.ingest.tracks.asked import Asked, KeyReused, WasErased
from services.ingest.tracks.routes import idempotency_key
from services.ingest.tracks.submission import Submission
from shared.edge import read_body
from shared.problems import Problem, problem_of

log = logging.getLogger(__name__)

_FIELDS: Final = ("prompt", "style", "duration_seconds", "tempo")
_WORDS: Final[dict[type[Exception], tuple[int, str]]] = {
    KeyReused: (422, "Idempotency-Key was used with another body"),
    WasErased: (409, "The track of this Idempotency-Key was erased"),
    RequestEntityTooLarge: (413, "Body is too large"),
}


class Refused(Exception):
    """A body that this contract does not take; the text is the answer."""


class LegacyRoute:
    """The one view of the original service."""

    def __init__(self, limits: Limits, tenant: str) -> None:
        """*tenant*: who pays, since this contract has no key; its *limits* hold here, too."""
        self._limits = limits
        self._tenant = tenant

    def blueprint(self) -> Blueprint:
        """``POST /``; other methods are told so, but for GET, which shows the Studio."""
        api = Blueprint("legacy", __name__)
        methods = ["POST", "PUT", "PATCH", "DELETE"]
        api.add_url_rule("/", view_func=self.generate, methods=methods)
        api.register_error_handler(Exception, _failed)
        return api

    def generate(self) -> ResponseReturnValue:
        """Accept one track, as the first service did: 200."""
        if request.method != "POST":
            allowed = {"Allow": "GET, HEAD, OPTIONS, POST"}
            return jsonify(error="Only POST method allowed"), 405, allowed
        act_for(self._tenant)
        check_rate()
        body = to_object(read_body(MAX_BODY))
        if not body:
            raise Refused("No JSON body provided")
        submission = submission_of(body)
        asked = Asked(
            tenant=self._tenant,
            request=submission.to_request(),
            fingerprint=fingerprint(body),
            lifetime=submission.expires_in_seconds,
            key=idempotency_key(),
        )
        track, _ = self._limits.submit(caller(), asked, lambda _: None)
        return jsonify(views.legacy(track))


def submission_of(body: dict[str, Any]) -> Submission:
    """Today's submission for the original body; its lenient defaults applied.

    Raises:
        Refused: in the original's own words where it had some.
    """
    wanted = {name: body[name] for name in _FIELDS if name in body}
    prompt = wanted.get("prompt")
    if prompt is None:
        raise Refused("Missing required field: prompt")
    if isinstance(prompt, str):
        wanted["prompt"] = _stripped(prompt)
    if isinstance(wanted.get("style"), str) and wanted["style"] not in catalog.STYLES:
        wanted["style"] = "instrumental"
    if isinstance(wanted.get("tempo"), str) and wanted["tempo"] not in catalog.TEMPO_WORDS:
        wanted["tempo"] = "moderate"
    if type(wanted.get("duration_seconds", 1)) is not int:  # a bool is an int, too
        raise Refused("Invalid field: duration_seconds")
    if "duration_seconds" in wanted:
        wanted["duration_seconds"] = min(wanted["duration_seconds"], catalog.MAX_SECONDS)
    if not isinstance(wanted.get("tempo", ""), str):
        raise Refused("Invalid field: tempo")
    try:
        return Submission.model_validate(wanted)
    except ValidationError as exc:
        raise Refused(f"Invalid field: {exc.errors()[0]['loc'][0]}") from None


def _stripped(prompt: str) -> str:
    text = prompt.strip()
    if len(text) < catalog.PROMPT_LENGTH.start:
        raise Refused("Prompt must be at least 5 characters")
    if len(text) >= catalog.PROMPT_LENGTH.stop:
        raise Refused("Prompt must be less than 500 characters")
    return text


def _failed(exc: Exception) -> ResponseReturnValue:
    match exc:
        case Refused():
            return _error(400, str(exc))
        case Problem():
            return _error(exc.status, exc.detail, exc.headers)
        case KeyReused() | WasErased() | RequestEntityTooLarge():
            return _error(*_WORDS[type(exc)])
    problem = problem_of(exc)
    if problem.status >= 500:  # noqa: PLR2004 - the contract knows one answer for our own trouble
        log.error("submit failed", exc_info=exc)
        return _error(500, "Internal server error")
    return _error(problem.status, problem.detail)


def _error(status: int, text: str, headers: Mapping[str, str] = {}) -> Response:
    response = jsonify(error=text)
    response.status_code = status
    response.headers.update(headers)
    return response
