import io
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import logs, tracing

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


class Sink:
    """A logger of its own and the lines it wrote."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(logs.CloudFormatter())
        self.logger = logging.Logger("test", logging.DEBUG)  # noqa: LOG001 - nobody else may find it
        self.logger.addHandler(self.handler)

    def line(self) -> dict[str, Any]:
        """The one line written since the last call."""
        text = self.stream.getvalue()
        self.stream.seek(0)
        self.stream.truncate()
        assert text.endswith("\n")
        assert text.isascii()
        assert len(text.splitlines()) == 1
        line: dict[str, Any] = json.loads(text, parse_constant=pytest.fail)
        return line


@pytest.fixture
def sink() -> Sink:
    return Sink()


def test_fields(sink: Sink) -> None:
    sink.logger.warning("%d tracks", 3, extra={"batch_id": "b1"})

    line = sink.line()

    assert (line["severity"], line["message"], line["batch_id"]) == ("WARNING", "3 tracks", "b1")
    assert datetime.fromisoformat(line["time"]).utcoffset() is not None
    source = line["logging.googleapis.com/sourceLocation"]
    assert source["file"].endswith("test_logs.py")
    assert source["function"] == "test_fields"
    assert source["line"].isdecimal()
    assert "stack_trace" not in line


def test_stack_trace(sink: Sink) -> None:
    try:
        raise ValueError("no\nluck")
    except ValueError:
        sink.logger.exception("broken")

    line = sink.line()

    assert line["severity"] == "ERROR"
    assert line["stack_trace"].startswith("Traceback (most recent call last):\n")
    assert line["stack_trace"].endswith("ValueError: no\nluck")


def test_own_levels_have_no_severity_of_their_own(sink: Sink) -> None:
    sink.logger.log(25, "x")

    assert sink.line()["severity"] == "DEFAULT"


@pytest.mark.parametrize(
    "text",
    [
        'x\r\n{"severity":"INFO","message":"forged"}',
        "\x1b[31mred\x1b[0m \x9b31m",
        "\u202egnp.exe\u2066",
        "\u2028\u2029\x85\x0b\x0c\x1c",
        "\ud800 lone",
        "\x00\x7f",
        '"},{"',
    ],
)
def test_hostile_text_stays_in_its_field(sink: Sink, text: str) -> None:
    with logs.log_context(hostile=text):
        sink.logger.info("%s", text, extra={"also": text})

    line = sink.line()

    assert line["message"] == line["hostile"] == line["also"] == text


@given(st.text(), st.text(), st.integers(-(2**70), 2**70) | st.floats() | st.text() | st.binary())
def test_any_text_makes_one_line(message: str, name: str, value: object) -> None:
    sink = Sink()
    with logs.log_context(**{name: value}):
        sink.logger.info("%s", message)

    assert sink.line()["severity"] == "INFO"


def test_fields_cannot_replace_ours(sink: Sink) -> None:
    with logs.log_context(severity="DEBUG", message="forged", time="never"):
        sink.logger.error("true", extra={"severity": "DEBUG"})

    line = sink.line()

    assert (line["severity"], line["message"]) == ("ERROR", "true")
    assert line["time"] != "never"


def test_values_that_json_does_not_know(sink: Sink) -> None:
    extra = {"a": float("nan"), "b": {1, 2}, "c": b"x", "d": {("t",): 1}, "e": None, "f": True}
    sink.logger.info("x", extra=extra)

    line = sink.line()

    assert [line[k] for k in "abcdef"] == ["nan", "{1, 2}", "b'x'", "{('t',): 1}", None, True]


def test_long_texts_keep_their_ends(sink: Sink) -> None:
    sink.logger.info("start%send", "\N{PILE OF POO}" * 1_000_000)

    line = sink.line()

    assert line["message"].startswith("start")
    assert line["message"].endswith("end")
    assert len(json.dumps(line)) < 100_000


def test_context_nests_and_ends(sink: Sink) -> None:
    with logs.log_context(a=1, b=1):
        with logs.log_context(b=2):
            sink.logger.info("inside")
            inside = sink.line()
        sink.logger.info("outside")
        outside = sink.line()
    sink.logger.info("after")

    assert (inside["a"], inside["b"]) == (1, 2)
    assert (outside["a"], outside["b"]) == (1, 1)
    assert "a" not in sink.line()


def test_context_belongs_to_its_thread(sink: Sink) -> None:
    with ThreadPoolExecutor(1) as pool, logs.log_context(request_id="r1"):
        pool.submit(sink.logger.info, "bare").result()
        assert "request_id" not in sink.line()

        pool.submit(copy_context().run, sink.logger.info, "carried").result()
        assert sink.line()["request_id"] == "r1"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("GET https://h/o.wav?X-Goog-Signature=ab12&x=1 failed", "GET https://h/o.wav?... failed"),
        ("with url: /b/o?uploadType=media (Caused by", "with url: /b/o?... (Caused by"),
        ('{"url": "https://h/p?token=1"}', '{"url": "https://h/p?..."}'),
        ("https://user:pass@h/p", "https://h/p"),
        ("really? yes = no", "really? yes = no"),
        ("a@b.example", "a@b.example"),
    ],
)
def test_secrets_of_urls_do_not_reach_a_line(sink: Sink, text: str, kept: str) -> None:
    sink.logger.error(text, extra={"also": text}, exc_info=ValueError(text))

    line = sink.line()

    assert line["message"] == line["also"] == kept
    assert line["stack_trace"] == f"ValueError: {kept}"


def test_scrubbing_takes_linear_time(sink: Sink) -> None:
    for text in ("?" * 200_000, "?a" * 100_000, "://a" * 100_000, "://" + "a" * 200_000):
        sink.logger.info(text)
        sink.line()


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://u:p@h:8443/a/b?c=d#e", "https://h:8443/a/b"),
        ("https://h", "https://h"),
        ("http://[::1]:80/x?y", "http://[::1]:80/x"),
        ("http://[broken?secret=1", "(not a URL)"),
    ],
)
def test_safe_url(url: str, kept: str) -> None:
    assert logs.safe_url(url) == kept


def test_a_line_has_the_trace_it_was_logged_in(sink: Sink) -> None:
    sink.handler.setFormatter(logs.CloudFormatter("motif-local"))
    for flags, sampled in (("01", True), ("02", False)):
        with tracing.request(tracing.sent(f"00-{TRACE}-{SPAN}-{flags}")):
            sink.logger.info("inside")
        line = sink.line()
        assert line["logging.googleapis.com/trace"] == f"projects/motif-local/traces/{TRACE}"
        assert line["logging.googleapis.com/spanId"] == SPAN
        assert line["logging.googleapis.com/trace_sampled"] is sampled

    sink.logger.info("outside")
    assert not [name for name in sink.line() if "trace" in name or "span" in name]


def test_without_a_project_a_line_names_no_trace(sink: Sink) -> None:
    with tracing.request(tracing.sent(f"00-{TRACE}-{SPAN}-01")):
        sink.logger.info("inside")

    assert "logging.googleapis.com/trace" not in sink.line()


def test_a_text_alone_is_an_error_that_error_reporting_can_read(sink: Sink) -> None:
    service = {"service": "motif-ingest", "version": "motif-ingest-00007"}
    sink.handler.setFormatter(logs.CloudFormatter("", service))

    sink.logger.error("a mere text")
    text = sink.line()
    sink.logger.error("with its trace", exc_info=ValueError("x"))
    traced = sink.line()
    sink.logger.warning("no error", exc_info=ValueError("x"))
    warning = sink.line()

    assert text["@type"].endswith(".v1beta1.ReportedErrorEvent")
    assert "@type" not in traced
    assert text["serviceContext"] == traced["serviceContext"] == service
    assert not {"@type", "serviceContext"} & warning.keys()


@pytest.mark.parametrize("name", ["", "motif-ingest"])
def test_cloud_run_says_which_service_it_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K_SERVICE", name)
    monkeypatch.setenv("K_REVISION", "motif-ingest-00007")
    record = logging.makeLogRecord({"levelno": logging.ERROR, "levelname": "ERROR"})

    line = json.loads(logs.handler().format(record))

    known = {"service": "motif-ingest", "version": "motif-ingest-00007"}
    assert line.get("serviceContext") == (known if name else None)


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


def test_configure(root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("WARNING")

    logging.getLogger("some.package").info("not this")
    logging.getLogger("some.package").warning("this")

    line = json.loads(capsys.readouterr().out)
    assert (line["message"], line["logger"]) == ("this", "some.package")
