"""What fault rules do to one delivery."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from deploy.local.relay.post import Outcome

FIELDS: Final = ("subscription", "hop", "request_id")
ACTIONS: Final = ("throw_away", "duplicate", "hold_reply")
"""Besides these, ``delay``, ``status``, ``reset`` and ``commit_then_reset`` are understood."""


def spoiled(action: Mapping[str, Any], send: Callable[[], Outcome]) -> Outcome:
    """Call *send* as *action* says ({}: once); return what the sender is told.

    ``throw_away``, ``status`` and ``reset`` deliver nothing, and the first of them is told as
    success; ``duplicate`` is how many copies go out at once; ``hold_reply`` are the seconds by
    which the reply comes late, and ``commit_then_reset`` loses it.
    """
    time.sleep(action.get("delay", 0))
    if action.get("throw_away"):
        return 204
    if action.get("reset"):
        return "reset"
    if "status" in action:
        return int(action["status"])
    for _ in range(action.get("duplicate", 1) - 1):
        threading.Thread(target=send, daemon=True).start()
    outcome = send()
    time.sleep(action.get("hold_reply", 0))
    return "reply lost" if action.get("commit_then_reset") else outcome
