"""The Flask pieces all services share: errors, request ids, probes, pushes and sweeps."""

import logging
import re
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any, Final

from flask import Flask, Response, current_app, g, request
from flask.typing import ResponseReturnValue
from opentelemetry.trace import SpanKind
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge

from shared import shutdown, tracing
from shared.auth import PushAuth
from shared.errors import Malformed, MotifError, RetryableError
from shared.events import MAX_EVENT_BYTES, Delivery, decode_delivery
from shared.logs import log_context
from shared.problems import MIME_TYPE, problem_of

_log = logging.getLogger(__name__)
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{8,64}")
_PROBES: Final = ("startup", "live")
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


def new_app(name: str, **options: Any) -> Flask:
    """A Flask app with problem+json errors, request ids, traces, probes and strict headers.

    *options* go to ``Flask``. No view gets more than 1 MB of a body unless it calls ``read_body``
    with another limit.
    """
    app = Flask(name, **{"static_folder": None, **options})
    app.config["MAX_CONTENT_LENGTH"] = MAX_EVENT_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]  # of the default provider
    app.before_request(_open)
    app.after_request(_finish)
    app.teardown_request(_close)
    app.register_error_handler(HTTPException, _on_error)
    app.register_error_handler(Exception, _on_error)
    # Cloud Run keeps some paths ending in z for itself.
    for probe in _PROBES:
        app.add_url_rule(f"/{probe}", probe, _alive)
    return app


def push_route(app: Flask, path: str, auth: PushAuth, handle: Callable[[Delivery], None]) -> None:
    """Serve pushed messages at *path*: 204 when *handle* returns.

    What it raises decides otherwise: Malformed 400, RetryableError 503 with ``Retry-After``,
    anything unexpected 500; Pub/Sub delivers all of these again.
    """

    def push() -> ResponseReturnValue:
        _admit(auth)
        delivery = _delivery()
        log_fields(
            message_id=delivery.message_id,
            subscription=delivery.subscription,
            attempt=delivery.attempt,
        )
        _process(delivery)
        handle(delivery)
        return Response(status=204)

    _post_only(app, path, push)


def sweep_route(
    app: Flask, path: str, auth: PushAuth, sweep: Callable[[], Mapping[str, int]]
) -> None:
    """Serve Cloud Scheduler at *path*: run *sweep*, answer 200 with its counts."""

    def run() -> ResponseReturnValue:
        _admit(auth)
        g.log_stack.callback(tracing.push)
        return dict(sweep())

    _post_only(app, path, run)


def read_body(limit: int) -> bytes:
    """The request's body, at most *limit* bytes, counted while it is read (chunked, too).

    Raises:
        RequestEntityTooLarge: it is longer (413).
        BadRequest: it broke off (400).
    """
    # werkzeug cuts a chunked body off at its limit without a word: one byte more tells.
    request.max_content_length = limit + 1
    try:
        body = request.get_data(cache=False)
    except HTTPException:
        raise
    except Exception as exc:  # each WSGI server has its own errors for bad chunks
        raise BadRequest("The body cannot be read.") from exc
    if len(body) > limit:
        raise RequestEntityTooLarge
    # gunicorn gives a body that ended early as if it were whole.
    if request.content_length not in (None, len(body)):
        raise BadRequest("The body is shorter than its Content-Length.")
    return body


def log_fields(**fields: Any) -> None:
    """Add *fields* to what the rest of this request logs, its failure included."""
    g.log_stack.enter_context(log_context(**fields))


def _admit(auth: PushAuth) -> None:
    auth.check(request.headers.get("Authorization"))
    if shutdown.stopping():
        raise RetryableError("this instance is stopping", code="stopping")


def _delivery() -> Delivery:
    try:
        body = read_body(MAX_EVENT_BYTES)
    except (RequestEntityTooLarge, BadRequest) as exc:
        raise Malformed(exc.description or exc.name) from exc
    return decode_delivery(dict(request.headers), body)


def _process(delivery: Delivery) -> None:
    """Make the rest of the request part of the message's trace, not of the push's own."""
    g.log_stack.callback(tracing.push)
    g.log_stack.enter_context(
        tracing.span(
            "process",
            SpanKind.CONSUMER,
            parent=delivery.attributes.get(tracing.ATTRIBUTE, ""),
            message_id=delivery.message_id,
            subscription=delivery.subscription,
        )
    )


def _post_only(app: Flask, path: str, view: Callable[[], ResponseReturnValue]) -> None:
    app.add_url_rule(path, path, view, methods=["POST"], provide_automatic_options=False)


def _alive() -> ResponseReturnValue:
    return {}


def _open() -> None:
    sent = request.headers.get("X-Request-Id", "")
    g.request_id = sent if _REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex
    g.log_stack = ExitStack()
    # Not request_id: that is a track's in everything else that is logged.
    log_fields(http_request_id=g.request_id)
    found = (request.headers.get(name, "") for name in ("traceparent", "X-Cloud-Trace-Context"))
    g.log_stack.enter_context(tracing.request(tracing.sent(*found), _span_name()))


def _span_name() -> str:
    """Empty for what is not worth a span: probes, scans, and pushes, which get a better one."""
    rule = request.url_rule
    if rule is None or rule.endpoint in _PROBES or rule.endpoint.startswith("/"):
        return ""
    return f"{request.method} {rule.rule}"


def _finish(response: Response) -> Response:
    tracing.answered(response.status_code)
    response.headers["X-Request-Id"] = g.request_id
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _close(_: BaseException | None) -> None:
    g.log_stack.close()


def _on_error(exc: Exception) -> ResponseReturnValue:
    problem = problem_of(exc)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("unexpected failure", exc_info=exc)
    elif isinstance(exc, MotifError):
        _log.warning("%s: %s", problem.code, problem.detail)
    text = current_app.json.dumps(problem.body(g.request_id))
    return Response(text, problem.status, problem.headers, content_type=MIME_TYPE)
