"""How often somebody at one address may try: a bucket each, in bounded memory.

Source: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
"""

import ipaddress
import threading
import time
from collections import OrderedDict
from typing import Final

_BURST: Final = 10
_SECONDS_EACH: Final = 6.0
_MOST: Final = 1024
_OF_ONE_NETWORK: Final = 64
"""Bits of an IPv6 address that one customer has in common."""


class Attempts:
    """Ten at once, then one in six seconds; thread-safe, one per process."""

    def __init__(self) -> None:
        """Nobody has tried yet."""
        self._lock = threading.Lock()
        self._paid_until: OrderedDict[str, float] = OrderedDict()

    def take(self, address: str) -> float:
        """Count one attempt: 0; or, when there were too many, the seconds until the next."""
        name, now = network(address), time.monotonic()
        with self._lock:
            until = max(now, self._paid_until.pop(name, now)) + _SECONDS_EACH
            wait = until - now - _BURST * _SECONDS_EACH
            self._paid_until[name] = until - _SECONDS_EACH if wait > 0 else until
            if len(self._paid_until) > _MOST:
                self._paid_until.popitem(last=False)
        return max(0.0, wait)

    def forgive(self, address: str) -> None:
        """Uncount one: it was good."""
        with self._lock:
            name = network(address)
            if name in self._paid_until:
                self._paid_until[name] -= _SECONDS_EACH


def network(address: str) -> str:
    """What stands for *address*: a customer of IPv6 has many. Empty: it is none."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if found.version == 4:  # noqa: PLR2004 - of the protocol
        return str(found)
    return str(ipaddress.ip_network((found, _OF_ONE_NETWORK), strict=False))
