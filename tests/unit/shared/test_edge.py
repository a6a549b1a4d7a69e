import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, abort, redirect, request
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import ImATeapot
from werkzeug.test import TestResponse

from shared import shutdown
from shared.auth import PushAuth
from shared.edge import log_fields, new_app, push_route, read_body, sweep_route
from shared.errors import (
    Forbidden,
    Malformed,
    MotifError,
    PermanentError,
    RetryableError,
    StoreUnavailable,
    Unauthenticated,
)
from shared.events import MAX_EVENT_BYTES, Delivery
from shared.logs import CloudFormatter
from shared.problems import Problem
from tests.support.issuer import ACCOUNT, AUDIENCE, certs_server, claims, platform_token, token
from tests.support.malformed import MALFORMED
from tests.support.pushes import SUBSCRIPTION, envelope, eventarc, raw

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(autouse=True)
def fresh_shutdown() -> Iterator[None]:
    shutdown.reset()
    yield
    shutdown.reset()


@pytest.fixture
def app() -> Flask:
    return new_app(__name__)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def fail_with(app: Flask, exc: Exception) -> TestResponse:
    def view() -> ResponseReturnValue:
        raise exc

    app.add_url_rule("/fail", "fail", view)
    return app.test_client().get("/fail")


def problem(response: TestResponse) -> dict[str, Any]:
    """The body, after checks that hold for every problem."""
    assert response.mimetype == "application/problem+json"
    body: dict[str, Any] = json.loads(response.data)
    assert {"type", "title", "status", "detail", "code", "request_id"} <= body.keys()
    assert body["status"] == response.status_code
    assert body["type"] == f"/docs#{body['code']}"
    assert body["request_id"] == response.headers["X-Request-Id"]
    return body


# Problems


@pytest.mark.parametrize(
    ("exc", "status", "code"),
    [
        (Malformed("no id"), 400, "malformed_event"),
        (PermanentError("never", code="prompt_blocked"), 400, "prompt_blocked"),
        (Unauthenticated("no token"), 401, "unauthenticated"),
        (Forbidden("not you"), 403, "forbidden"),
        (StoreUnavailable("no answer"), 503, "store_unavailable"),
        (RetryableError("later", code="stopping"), 503, "stopping"),
    ],
)
def test_our_errors(app: Flask, exc: MotifError, status: int, code: str) -> None:
    response = fail_with(app, exc)

    body = problem(response)
    assert (body["status"], body["code"], body["detail"]) == (status, code, str(exc))
    assert response.headers.get("Retry-After") == ("10" if status == 503 else None)
    assert response.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)


def test_problem_with_everything(app: Flask) -> None:
    errors = [{"line": 2, "field": "prompt", "code": "too_short", "cure": "Write more."}]
    response = fail_with(
        app,
        Problem(
            429,
            "rate_limited",
            "Too many requests.",
            field="prompt",
            cure="Wait.",
            errors=errors,
            headers={"Retry-After": "7"},
        ),
    )

    assert problem(response) == {
        "type": "/docs#rate_limited",
        "title": "Too Many Requests",
        "status": 429,
        "detail": "Too many requests.",
        "code": "rate_limited",
        "field": "prompt",
        "cure": "Wait.",
        "errors": errors,
        "request_id": response.headers["X-Request-Id"],
    }
    assert response.headers["Retry-After"] == "7"
    assert list(json.loads(response.data)) == list(problem(response))


def test_problem_leaves_out_what_it_does_not_know(app: Flask) -> None:
    body = problem(fail_with(app, Problem(409, "already_finished", "It has ended.")))

    assert not {"field", "cure", "errors"} & body.keys()


@pytest.mark.parametrize(
    "exc", [RuntimeError("password"), MotifError("password"), KeyError("password")]
)
def test_the_unexpected_is_logged_and_tells_nothing(
    app: Flask, exc: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    response = fail_with(app, exc)

    assert problem(response)["code"] == "internal"
    assert response.status_code == 500
    assert b"password" not in response.data
    (record,) = caplog.records
    assert (record.levelname, record.exc_info and record.exc_info[1]) == ("ERROR", exc)


def test_unknown_path_and_method(client: FlaskClient) -> None:
    assert problem(client.get("/nowhere"))["code"] == "not_found"

    wrong_method = client.post("/live")

    assert problem(wrong_method)["code"] == "method_not_allowed"
    assert "GET" in wrong_method.headers["Allow"]


def test_werkzeugs_own_errors(app: Flask) -> None:
    assert problem(fail_with(app, ImATeapot()))["code"] == "im_a_teapot"


def test_abort_500_is_ours_too(app: Flask, client: FlaskClient) -> None:
    app.add_url_rule("/abort", "abort", lambda: abort(500))

    assert problem(client.get("/abort"))["code"] == "internal"


def test_what_a_view_words_itself_stays(app: Flask, client: FlaskClient) -> None:
    app.add_url_rule("/own", "own", lambda: abort(app.response_class("mine", 418)))
    app.add_url_rule("/moved", "moved", lambda: redirect("/live"))
    app.add_url_rule("/folder/", "folder", lambda: "x")

    own = client.get("/own")

    assert (own.status_code, own.data) == (418, b"mine")
    assert client.get("/moved").status_code == 302
    assert client.get("/folder").headers["Location"] == "http://localhost/folder/"


# Request ids, headers, probes


@pytest.mark.parametrize("path", ["/startup", "/live"])
def test_probes(client: FlaskClient, path: str) -> None:
    response = client.get(path)

    assert (response.status_code, response.json) == (200, {})


def test_sane_request_id_is_kept(client: FlaskClient) -> None:
    sent = {"X-Request-Id": "abc-123_x.Y:z"}

    assert client.get("/live", headers=sent).headers["X-Request-Id"] == "abc-123_x.Y:z"


@pytest.mark.parametrize("sent", ["", "short", "x" * 65, "with space", "quote'\"", "ümlaut-ümlaut"])
def test_other_request_ids_are_replaced(client: FlaskClient, sent: str) -> None:
    ids = {
        client.get("/live", headers={"X-Request-Id": sent}).headers["X-Request-Id"]
        for _ in range(2)
    }

    assert len(ids) == 2
    assert sent not in ids
    assert all(len(i) == 32 and i.isalnum() for i in ids)


def test_strict_headers_unless_a_view_sets_its_own(app: Flask, client: FlaskClient) -> None:
    csp = {"Content-Security-Policy": "default-src 'self'", "Cache-Control": "max-age=60"}
    app.add_url_rule("/page", "page", lambda: ("x", csp))

    for response in (client.get("/live"), client.get("/nowhere")):
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    page = client.get("/page")
    assert page.headers["Content-Security-Policy"] == "default-src 'self'"
    assert page.headers["Cache-Control"] == "max-age=60"
    assert page.headers["X-Content-Type-Options"] == "nosniff"


class Lines(logging.Handler):
    """What the formatter makes of each record."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(CloudFormatter("motif-local"))
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    handler = Lines()
    logging.getLogger().addHandler(handler)
    yield handler.lines
    logging.getLogger().removeHandler(handler)


def test_log_lines_name_their_request_and_trace(
    app: Flask, client: FlaskClient, lines: list[dict[str, Any]]
) -> None:
    def view() -> ResponseReturnValue:
        log_fields(request_id="t1")
        logging.getLogger("inside").warning("x")
        return {}

    app.add_url_rule("/log", "log", view)
    sent = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}

    request_id = client.get("/log", headers=sent).headers["X-Request-Id"]
    logging.getLogger("outside").warning("x")

    inside, outside = lines
    assert (inside["http_request_id"], inside["request_id"]) == (request_id, "t1")
    assert inside["logging.googleapis.com/trace"] == f"projects/motif-local/traces/{TRACE}"
    assert not {"http_request_id", "request_id", "logging.googleapis.com/trace"} & outside.keys()


# Bodies


class Endless(io.RawIOBase):
    """A body without an end that counts what was read of it."""

    def __init__(self) -> None:
        self.taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.taken += len(buffer)
        buffer[:] = b"x" * len(buffer)
        return len(buffer)


class Torn(io.RawIOBase):
    """A body that the server cannot decode, as gunicorn's with a bad chunk."""

    def readable(self) -> bool:
        return True

    def readinto(self, _: Any) -> int:
        raise LookupError("bad chunk")


@pytest.fixture
def reading(app: Flask, client: FlaskClient) -> FlaskClient:
    app.add_url_rule("/read", "read", lambda: {"size": len(read_body(10))}, methods=["POST"])
    return client


def post_stream(
    client: FlaskClient, path: str, stream: object, length: str = "", **headers: str
) -> TestResponse:
    """Chunked, as gunicorn hands it over, unless it has a length."""
    environ = {"wsgi.input": stream, "wsgi.input_terminated": True, "CONTENT_LENGTH": length}
    if not length:
        environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    return client.post(path, environ_overrides=environ, headers=headers)


def test_body_within_its_limit(reading: FlaskClient) -> None:
    assert reading.post("/read", data=b"x" * 10).json == {"size": 10}


def test_body_that_says_it_is_too_long(reading: FlaskClient) -> None:
    response = reading.post("/read", data=b"x" * 11)

    assert problem(response)["code"] == "request_entity_too_large"
    assert response.status_code == 413


def test_chunked_body_is_counted_while_it_is_read(reading: FlaskClient) -> None:
    stream = Endless()

    response = post_stream(reading, "/read", stream)

    assert problem(response)["status"] == 413
    assert stream.taken < 100_000


def test_body_that_breaks_off_is_not_a_shorter_one(reading: FlaskClient) -> None:
    response = post_stream(reading, "/read", io.BytesIO(b"x" * 5), "9")

    assert problem(response)["status"] == 400


def test_body_that_cannot_be_decoded(reading: FlaskClient) -> None:
    assert problem(post_stream(reading, "/read", Torn()))["status"] == 400


def test_views_that_read_by_themselves_are_bounded(app: Flask, client: FlaskClient) -> None:
    app.add_url_rule("/any", "any", lambda: {"n": len(request.get_data())}, methods=["POST"])
    stream = Endless()

    post_stream(client, "/any", stream)
    too_long = client.post("/any", data=b"x" * (MAX_EVENT_BYTES + 1))

    assert stream.taken < 2 * MAX_EVENT_BYTES
    assert problem(too_long)["status"] == 413


# Pushes and sweeps

AUTH = PushAuth(
    mode="platform",
    audience=AUDIENCE,
    accounts=frozenset({ACCOUNT}),
    certs_url="http://127.0.0.1:1/unused",
    on_cloud_run=True,
)


@pytest.fixture
def caller() -> dict[str, str]:
    return {"Authorization": f"Bearer {platform_token()}"}


class Handler:
    """Remembers its deliveries; raises ``fault`` when there is one."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.seen: list[Delivery] = []
        self.fault: Exception | None = None

    def __call__(self, delivery: Delivery) -> None:
        self.seen.append(delivery)
        if self.fault:
            raise self.fault


@pytest.fixture
def handler(app: Flask) -> Handler:
    made = Handler(app)
    push_route(app, "/events/requests", AUTH, made)
    return made


def push(
    client: FlaskClient, caller: dict[str, str], headers: dict[str, str], body: bytes
) -> TestResponse:
    return client.post("/events/requests", headers=headers | caller, data=body)


@pytest.mark.parametrize("shape", [eventarc, raw])
def test_push(client: FlaskClient, handler: Handler, caller: dict[str, str], shape: Any) -> None:
    response = push(client, caller, *shape(envelope(b"hello")))

    assert (response.status_code, response.data) == (204, b"")
    (delivery,) = handler.seen
    assert (delivery.data, delivery.attempt, delivery.id) == (b"hello", 3, "8")


def test_chunked_push(client: FlaskClient, handler: Handler, caller: dict[str, str]) -> None:
    headers, body = eventarc(envelope())

    response = post_stream(client, "/events/requests", io.BytesIO(body), **(headers | caller))

    assert response.status_code == 204
    assert len(handler.seen) == 1


@pytest.mark.parametrize(
    ("headers", "body"), [m[1:] for m in MALFORMED], ids=[m[0] for m in MALFORMED]
)
def test_malformed_push(
    client: FlaskClient,
    handler: Handler,
    caller: dict[str, str],
    headers: dict[str, str],
    body: bytes,
) -> None:
    response = push(client, caller, headers, body)

    assert problem(response)["code"] == "malformed_event"
    assert response.status_code == 400
    assert handler.seen == []


def test_endless_push(client: FlaskClient, handler: Handler, caller: dict[str, str]) -> None:
    stream = Endless()

    response = post_stream(client, "/events/requests", stream, **caller)

    assert problem(response)["code"] == "malformed_event"
    assert stream.taken < 2 * MAX_EVENT_BYTES


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        (f"Bearer {token()}", 401),
        (f"Bearer {platform_token(claims(exp=1))}", 401),
        (f"Bearer {platform_token(claims(email='mallory@example.com'))}", 403),
    ],
)
@pytest.mark.parametrize("path", ["/events/requests", "/internal/sweep"])
def test_who_may_call(
    app: Flask, handler: Handler, authorization: str | None, status: int, path: str
) -> None:
    sweep_route(app, "/internal/sweep", AUTH, lambda: pytest.fail("swept"))
    stream = Endless()
    headers = {"Authorization": authorization} if authorization else {}

    response = post_stream(app.test_client(), path, stream, **headers)

    assert problem(response)["status"] == status
    assert handler.seen == []
    assert stream.taken == 0


def test_push_while_the_certificates_cannot_be_had(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    seen = Handler(app)
    with certs_server() as certs:
        certs.status = 500
        auth = PushAuth(
            mode="verify",
            audience=AUDIENCE,
            accounts=frozenset({ACCOUNT}),
            certs_url=certs.url,
            on_cloud_run=False,
        )
        push_route(app, "/events/verified", auth, seen)
        headers, body = eventarc(envelope())
        headers |= {"Authorization": f"Bearer {token()}"}

        response = client.post("/events/verified", headers=headers, data=body)
        assert problem(response)["code"] == "certificates_unavailable"
        assert response.headers["Retry-After"] == "10"
        assert [r.levelname for r in caplog.records] == ["WARNING"]
        assert seen.seen == []


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (StoreUnavailable("no answer"), 503),
        (RetryableError("stopping"), 503),
        (Malformed("no such message"), 400),
    ],
)
def test_failed_push(
    client: FlaskClient, handler: Handler, caller: dict[str, str], fault: Exception, status: int
) -> None:
    handler.fault = fault

    assert problem(push(client, caller, *eventarc(envelope())))["status"] == status


@pytest.mark.parametrize(
    ("fault", "severity"), [(RetryableError("later"), "WARNING"), (RuntimeError("bug"), "ERROR")]
)
def test_failed_push_logs_its_delivery(
    handler: Handler,
    caller: dict[str, str],
    lines: list[dict[str, Any]],
    fault: Exception,
    severity: str,
) -> None:
    handler.fault = fault

    push(handler.app.test_client(), caller, *eventarc(envelope()))

    (line,) = lines
    assert (line["message_id"], line["attempt"], line["subscription"]) == ("8", 3, SUBSCRIPTION)
    assert line["severity"] == severity
    assert ("stack_trace" in line) is (severity == "ERROR")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_push_is_post_only(client: FlaskClient, handler: Handler, method: str) -> None:
    response = client.open("/events/requests", method=method)

    assert (response.status_code, response.headers["Allow"]) == (405, "POST")


def test_sweep(app: Flask, client: FlaskClient, caller: dict[str, str]) -> None:
    sweep_route(app, "/internal/sweep", AUTH, lambda: {"looked_at": 3, "woken": 2})

    response = client.post("/internal/sweep", headers=caller)

    assert (response.status_code, response.json) == (200, {"looked_at": 3, "woken": 2})


def test_nothing_new_starts_while_stopping(
    app: Flask, client: FlaskClient, handler: Handler, caller: dict[str, str]
) -> None:
    sweep_route(app, "/internal/sweep", AUTH, lambda: {"woken": 1})
    shutdown.begin()

    responses = [
        push(client, caller, *eventarc(envelope())),
        client.post("/internal/sweep", headers=caller),
    ]

    assert [problem(r)["code"] for r in responses] == ["stopping", "stopping"]
    assert {r.status_code for r in responses} == {503}
    assert handler.seen == []
