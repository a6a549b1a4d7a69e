"""What a library or the interpreter prints to standard error: lines of the log, like all others."""

import io
import logging
import sys
import threading
from types import TracebackType
from typing import Final

_log: Final = logging.getLogger(__name__)


class _Printed(io.TextIOBase):
    """Logs what is written to it, each time a line is complete; thread-safe."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._rest = ""
        self._logging = threading.local()

    def writable(self) -> bool:
        """As who prints may ask."""
        return True

    def write(self, text: str) -> int:
        """Keep *text*, and log what is complete."""
        with self._lock:
            whole, _, self._rest = (self._rest + text).rpartition("\n")
        if whole.strip():
            self._log(whole.strip())
        return len(text)

    def _log(self, text: str) -> None:
        if getattr(self._logging, "now", False):  # it is the logging that fails
            if sys.__stderr__:
                sys.__stderr__.write(f"{text}\n")
            return
        self._logging.now = True
        try:
            _log.error(text)
        finally:
            self._logging.now = False


def log_it() -> None:
    """Have everything logged from now on that would be printed, and failures that end a thread."""
    logging.captureWarnings(True)  # else they would be printed, and errors
    sys.stderr = _Printed()
    sys.excepthook = _fatal
    threading.excepthook = _ended


def _fatal(kind: type[BaseException], exc: BaseException, trace: TracebackType | None) -> None:
    _log.critical("the process ends with a failure", exc_info=(kind, exc, trace))


def _ended(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is not None:
        _log.error("a thread has failed", exc_info=failed.exc_value)
