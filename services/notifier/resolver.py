"""Look-ups of host names that cannot hold up anybody but who asked for them.

``getaddrinfo`` has no deadline and cannot be stopped: whoever asked goes, its thread stays until
the name server has answered or the system gives up.
"""

import socket
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Condition
from typing import Final

from services.notifier.wire import Clock
from shared import addresses as table

Resolve = Callable[[str, int], list[str]]
"""Addresses of a host, for a port; raises OSError, above all ``socket.gaierror``."""

THREADS: Final = 64
PER_DOMAIN: Final = 16
"""One tenant's slow name server must not take all threads; several of them still may."""
_PATIENCE: Final = 2.0
"""Seconds to wait for a place: a burst to a name that is answered for in time finds one."""
_SHARED: Final = frozenset({"ac", "co", "com", "edu", "gov", "net", "org"})
"""Second labels below which everybody has a domain of their own, as in ``co.uk``."""
_NO_SUCH_NAME: Final = frozenset(
    getattr(socket, name)
    for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY", "EAI_FAIL")
    if hasattr(socket, name)
)
"""A verdict about the name. All else, time run out first of all, may be our resolver's fault."""


class Unresolved(Exception):
    """No address: ``code`` is ``dns_error`` (the name's fault) or ``dns_unavailable`` (ours)."""

    def __init__(self, code: str) -> None:
        """*code*: one of the two."""
        super().__init__(code)
        self.code = code


class Resolver:
    """Looks up names within a clock; thread-safe, one per process."""

    def __init__(self, resolve: Resolve) -> None:
        """*resolve* blocks; it is called once per look-up, in a thread of its own."""
        self._resolve = resolve
        self._pool = ThreadPoolExecutor(THREADS, "resolve")
        self._changed = Condition()
        self._open: Counter[str] = Counter()

    def addresses(self, host: str, port: int, clock: Clock) -> list[str]:
        """Every address of *host*, IPv4 first; a literal address is its own, without a look-up.

        Raises:
            Unresolved: there is none, or none was found in time.
        """
        if table.read(host):
            return [host]
        try:
            found = self._look_up(host, port, clock)
        except socket.gaierror as exc:
            known = exc.errno in _NO_SUCH_NAME
            raise Unresolved("dns_error" if known else "dns_unavailable") from None
        except OSError:  # time is up, or no socket is left
            raise Unresolved("dns_unavailable") from None
        if not found:
            raise Unresolved("dns_error")
        return sorted(dict.fromkeys(found), key=lambda one: ":" in one)

    def _look_up(self, host: str, port: int, clock: Clock) -> list[str]:
        domain = _domain(host)
        self._enter(domain, clock)
        try:
            # Never queued: there is a thread for everybody who has entered.
            future = self._pool.submit(self._resolve, host, port)
        except RuntimeError:  # no thread is to be had
            self._leave(domain)
            raise Unresolved("dns_unavailable") from None
        future.add_done_callback(lambda _: self._leave(domain))
        return future.result(clock.left())

    def _enter(self, domain: str, clock: Clock) -> None:
        def room() -> bool:
            return self._open[domain] < PER_DOMAIN and self._open.total() < THREADS

        with self._changed:
            if not self._changed.wait_for(room, min(_PATIENCE, clock.left())):
                raise Unresolved("dns_unavailable")
            self._open[domain] += 1

    def _leave(self, domain: str) -> None:
        with self._changed:
            self._open -= Counter({domain: 1})
            self._changed.notify_all()


def _domain(host: str) -> str:
    """Who answers for *host*: its last two labels, or three below such as ``co.uk``."""
    labels = host.split(".")
    shared = labels[-2:-1] and labels[-2] in _SHARED
    return ".".join(labels[-3 if shared else -2 :])


def system_resolve(host: str, port: int) -> list[str]:
    """What this machine's resolver answers.

    A name with a dot is absolute: the search list of the machine's own network leads inwards.
    """
    name = f"{host}." if "." in host else host
    found = socket.getaddrinfo(name.encode(), port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]
