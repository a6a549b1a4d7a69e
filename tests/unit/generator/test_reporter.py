import threading
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from services.generator.reporter import Reporter
from shared.messages import Message
from tests.support.rules import new


class Nowhere:
    def publish(self, message: Message | bytes, attributes: Mapping[str, str]) -> None:
        raise AssertionError("nothing is told without a thread")


def test_without_a_thread_the_work_goes_on_unreported(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    track = new(callback_url="https://hooks.example/")
    asks = track.request.model_copy(update={"callback_events": ("track.running",)})
    claim: Any = SimpleNamespace(track=replace(track, request=asks))
    monkeypatch.setattr(threading.Thread, "start", start)
    worked = []
    with Reporter(Nowhere()).following(claim):
        worked.append(True)
    assert worked
    assert [record.message for record in caplog.records] == ["track not reported"]
