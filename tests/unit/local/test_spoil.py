import time
from typing import Any

import pytest

from deploy.local.relay.spoil import spoiled


class Recorder:
    """Stands for a delivery: notes when it was made, and reports 200."""

    def __init__(self) -> None:
        self.sent: list[float] = []

    def __call__(self) -> int:
        self.sent.append(time.monotonic())
        return 200


@pytest.mark.parametrize(
    ("action", "told", "sent"),
    [
        ({}, 200, 1),
        ({"throw_away": True}, 204, 0),
        ({"status": 503}, 503, 0),
        ({"reset": True}, "reset", 0),
        ({"commit_then_reset": True}, "reply lost", 1),
    ],
)
def test_what_is_sent_and_what_is_told(action: dict[str, Any], told: object, sent: int) -> None:
    send = Recorder()
    assert spoiled(action, send) == told
    assert len(send.sent) == sent


def test_a_delay_comes_before_the_delivery_and_a_held_reply_after_it() -> None:
    send = Recorder()
    begun = time.monotonic()
    assert spoiled({"delay": 0.05, "hold_reply": 0.03}, send) == 200
    assert send.sent[0] - begun >= 0.05
    assert time.monotonic() - send.sent[0] >= 0.03
