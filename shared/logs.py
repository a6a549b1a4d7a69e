"""One JSON object per line, in the fields that Cloud Logging and Error Reporting read.

Fields: Cloud Logging, "Structured logging" (special fields); trace: W3C Trace Context.
"""

import json
import logging
import math
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

_context: ContextVar[Mapping[str, Any]] = ContextVar("log_context", default=MappingProxyType({}))
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SEVERITIES: Final = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})
_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_LIMIT: Final = 8000
"""Characters kept of one text: Cloud Run tears lines beyond 256 KiB, and one may cost 12 bytes."""
_USERINFO: Final = re.compile(r"(?<=://)[^\s/?#@\"'<>]+@")
_QUERY: Final = re.compile(r"\?[^\s?=\"'<>]*=[^\s\"'<>]*")


class CloudFormatter(logging.Formatter):
    """Own, library and gunicorn records alike; ``extra`` and ``log_context`` become fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of ASCII: everything else is escaped, so no text can break or dress it up."""
        extra = {k: v for k, v in vars(record).items() if k not in _OWN}
        entry: dict[str, Any] = {
            name: _scalar(value) for name, value in {**_context.get(), **extra}.items()
        }
        entry |= {
            "severity": record.levelname if record.levelname in _SEVERITIES else "DEFAULT",
            "message": _clean(record.getMessage()),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "logger": record.name,
            "logging.googleapis.com/sourceLocation": {
                "file": record.pathname,
                "line": str(record.lineno),
                "function": record.funcName,
            },
        }
        if record.exc_info:
            entry["stack_trace"] = _clean(self.formatException(record.exc_info))
        return json.dumps(entry)


def handler() -> logging.Handler:
    """Standard output through the formatter."""
    stdout = logging.StreamHandler(sys.stdout)
    stdout.setFormatter(CloudFormatter())
    return stdout


def configure(level: str = "INFO") -> None:
    """Send everything there, where gunicorn does not do it (``deploy/gunicorn.conf.py``)."""
    logging.basicConfig(level=level, handlers=[handler()], force=True)


@contextmanager
def log_context(**fields: Any) -> Iterator[None]:
    """Add *fields* to every line logged inside; threads started inside do not inherit them."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def trace_fields(traceparent: str, project: str) -> dict[str, Any]:
    """Cloud Logging's trace fields of a ``traceparent`` header; none when it is not valid."""
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None or not project or not (int(match[1], 16) and int(match[2], 16)):
        return {}
    return {
        "logging.googleapis.com/trace": f"projects/{project}/traces/{match[1]}",
        "logging.googleapis.com/spanId": match[2],
        "logging.googleapis.com/trace_sampled": bool(int(match[3], 16) & 1),
    }


def safe_url(url: str) -> str:
    """*url* without user, password, query and fragment: what may stand in a log line."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(not a URL)"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _clean(text: str) -> str:
    """Without the secrets of URLs (libraries put them whole into their errors), not too long."""
    text = _QUERY.sub("?...", _USERINFO.sub("", text))
    half = _LIMIT // 2
    return text if len(text) <= _LIMIT else f"{text[:half]} ... {text[-half:]}"


def _scalar(value: Any) -> str | int | float | None:
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return _clean(str(value))
