"""One JSON object per line, in the fields that Cloud Logging and Error Reporting read.

Fields: Cloud Logging, "Structured logging" (special fields); Error Reporting, "Format errors in
logs". A line inside a request has its trace; ``http_request_id`` is the request's, ``request_id``
that of the track it is about.
"""

import json
import logging
import math
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from shared import tracing

_context: ContextVar[Mapping[str, Any]] = ContextVar("log_context", default=MappingProxyType({}))
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SEVERITIES: Final = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})
_ERROR_EVENT: Final = (
    "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent"
)
_LIMIT: Final = 8000
"""Characters kept of one text: Cloud Run tears lines beyond 256 KiB, and one may cost 12 bytes."""
_USERINFO: Final = re.compile(r"(?<=://)[^\s/?#@\"'<>]+@")
_QUERY: Final = re.compile(r"\?[^\s?=\"'<>]*=[^\s\"'<>]*")


class CloudFormatter(logging.Formatter):
    """Own, library and gunicorn records alike; ``extra`` and ``log_context`` become fields."""

    def __init__(self, project: str = "", service: Mapping[str, str] | None = None) -> None:
        """*project* owns the traces (empty: lines name none); *service*: a ``ServiceContext``."""
        super().__init__()
        self._traces = f"projects/{project}/traces/" if project else ""
        self._service = service

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
        return json.dumps(entry | self._trace() | self._error(record))

    def _trace(self) -> dict[str, Any]:
        context = tracing.current()
        if not (self._traces and context.is_valid):
            return {}
        return {
            "logging.googleapis.com/trace": f"{self._traces}{context.trace_id:032x}",
            "logging.googleapis.com/spanId": f"{context.span_id:016x}",
            "logging.googleapis.com/trace_sampled": context.trace_flags.sampled,
        }

    def _error(self, record: logging.LogRecord) -> dict[str, Any]:
        """What Error Reporting needs: it knows a stack trace by itself, a mere text it does not."""
        if record.levelno < logging.ERROR:
            return {}
        service = {"serviceContext": self._service} if self._service else {}
        return service if record.exc_info else {"@type": _ERROR_EVENT, **service}


def handler(project: str = "") -> logging.Handler:
    """Standard output through the formatter; Cloud Run's variables say which service this is."""
    name, version = os.environ.get("K_SERVICE"), os.environ.get("K_REVISION", "")
    service = {"service": name, "version": version} if name else None
    stdout = logging.StreamHandler(sys.stdout)
    stdout.setFormatter(CloudFormatter(project, service))
    return stdout


def configure(level: str = "INFO", project: str = "") -> None:
    """Send everything there, where gunicorn does not do it (``deploy/gunicorn.conf.py``).

    *project*: the Google Cloud project that traces belong to.
    """
    logging.basicConfig(level=level, handlers=[handler(project)], force=True)


@contextmanager
def log_context(**fields: Any) -> Iterator[None]:
    """Add *fields* to every line logged inside; threads started inside do not inherit them."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


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
