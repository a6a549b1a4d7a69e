"""How many attempts may be open at one endpoint, so that a dead one takes no threads."""

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Final

MOST_OPEN: Final = 16
MOST_OPEN_FAILING: Final = 2
_MOST_WAITING: Final = 1_000
"""Per endpoint; who finds no place among them is found by the sweeper."""
_MOST_REMEMBERED: Final = 10_000
"""Failing endpoints; the one forgotten first is only taken for a healthy one again."""


@dataclass(slots=True)
class _Endpoint:
    open: set[str] = field(default_factory=set)
    waiting: deque[str] = field(default_factory=deque)
    failing: bool = False

    @property
    def most(self) -> int:
        return MOST_OPEN_FAILING if self.failing else MOST_OPEN

    @property
    def idle(self) -> bool:
        return not (self.open or self.waiting or self.failing)


class Gate:
    """Places of one instance, counted per endpoint; thread-safe.

    A delivery that finds none is remembered, for whoever leaves a place while the endpoint is
    well. That is only a short cut: its row is due all the time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._endpoints: OrderedDict[str, _Endpoint] = OrderedDict()

    def enter(
        self, endpoint_id: str, webhook_id: str, *, wait: bool = True, most: int = MOST_OPEN
    ) -> bool:
        """Take a place for a delivery; False when there is none, or it has one already.

        *wait*: remember it when there is none; *most*: as if there were so many, at most.
        """
        with self._lock:
            endpoint = self._endpoint(endpoint_id)
            if webhook_id in endpoint.open:
                return False
            if len(endpoint.open) < min(endpoint.most, most):
                endpoint.open.add(webhook_id)
                return True
            room = wait and not endpoint.failing and len(endpoint.waiting) < _MOST_WAITING
            if room and webhook_id not in endpoint.waiting:
                endpoint.waiting.append(webhook_id)
            return False

    def leave(self, endpoint_id: str, webhook_id: str) -> str | None:
        """Give the place back, or pass it on to the delivery that is returned."""
        with self._lock:
            endpoint = self._endpoint(endpoint_id)
            endpoint.open.discard(webhook_id)
            room = len(endpoint.open) < endpoint.most
            waiting = endpoint.waiting
            following = waiting.popleft() if waiting and room else None
            if following is not None:
                endpoint.open.add(following)
            if endpoint.idle:
                del self._endpoints[endpoint_id]
            return following

    def judge(self, endpoint_id: str, *, well: bool) -> None:
        """Note how the last attempt went; nobody waits for a place at a failing endpoint."""
        with self._lock:
            endpoint = self._endpoint(endpoint_id)
            endpoint.failing = not well
            if endpoint.failing:
                endpoint.waiting.clear()

    def crowded(self, endpoint_id: str) -> bool:
        """Whether more places are taken than the endpoint has by now."""
        with self._lock:
            endpoint = self._endpoint(endpoint_id)
            return len(endpoint.open) > endpoint.most

    def _endpoint(self, endpoint_id: str) -> _Endpoint:
        found = self._endpoints.setdefault(endpoint_id, _Endpoint())
        self._endpoints.move_to_end(endpoint_id)
        if len(self._endpoints) > _MOST_REMEMBERED:
            oldest, endpoint = next(iter(self._endpoints.items()))
            if not endpoint.open:
                del self._endpoints[oldest]
        return found
