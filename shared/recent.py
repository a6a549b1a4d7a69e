"""One thing for each of many names, made at first use; those longest unused are let go."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """At most *most* things; thread-safe."""

    def __init__(
        self, make: Callable[[str], T], *, most: int, let_go: Callable[[T], None] = lambda _: None
    ) -> None:
        """*make* and *let_go* get a name's thing; only *let_go* may take its time."""
        self._make = make
        self._most = most
        self._let_go = let_go
        self._lock = threading.Lock()
        self._things: OrderedDict[str, T] = OrderedDict()

    def get(self, name: str) -> T:
        """The thing of this name: the same for everybody who asks, until it is let go."""
        with self._lock:
            thing = self._things.get(name)
            if thing is None:
                thing = self._things[name] = self._make(name)
            self._things.move_to_end(name)
            old = self._things.popitem(last=False)[1] if len(self._things) > self._most else None
        if old is not None:
            self._let_go(old)
        return thing

    def clear(self) -> list[T]:
        """Forget everything; it is the caller's to let go."""
        with self._lock:
            things = [*self._things.values()]
            self._things.clear()
        return things
