"""What is looked up now and then, for many who ask: by one of them at a time, never for long."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from shared.errors import MotifError

T = TypeVar("T")

_log: Final = logging.getLogger(__name__)


class Fresh(Generic[T]):
    """One value, looked up again when somebody asks and it is old; thread-safe.

    The look runs in a thread of its own: who asks waits for it at most *patience* seconds, and
    then takes what was there before.
    """

    def __init__(self, look: Callable[[], T], first: T, *, keeps: float, patience: float) -> None:
        """*first* is the value until a look has brought one; each keeps for so many seconds."""
        self._look = look
        self._value = first
        self._keeps = keeps
        self._patience = patience
        self._until = 0.0
        self._began = 0.0
        self._lock = threading.Lock()
        self._looking: threading.Event | None = None

    def get(self) -> T:
        """The newest value there is in time."""
        with self._lock:
            now = time.monotonic()
            if now < self._until:
                return self._value
            if self._looking is None:
                self._looking, self._began = threading.Event(), now
                threading.Thread(
                    target=self._renew, args=(self._looking,), name="look", daemon=True
                ).start()
            looking, left = self._looking, self._began + self._patience - now
        looking.wait(max(0.0, left))
        return self._value

    def _renew(self, looking: threading.Event) -> None:
        try:
            self._value = self._look()
        except MotifError as exc:
            _log.warning("not looked up", extra={"code": exc.code})
        except Exception:  # noqa: BLE001 - what is looked up helps, nobody needs it
            _log.exception("not looked up")
        with self._lock:
            # Also after a failure: a store in trouble is not asked by everybody.
            self._until = time.monotonic() + self._keeps
            self._looking = None
        looking.set()
