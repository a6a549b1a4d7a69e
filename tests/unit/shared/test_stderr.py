"""Nothing gets out of a service that is not a line of its log."""

import sys
import threading

import pytest

from shared import stderr


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, name in ((sys, "stderr"), (sys, "excepthook"), (threading, "excepthook")):
        monkeypatch.setattr(owner, name, getattr(owner, name))


def test_what_is_printed_is_logged_once_it_is_complete(caplog: pytest.LogCaptureFixture) -> None:
    stderr.log_it()
    sys.stderr.write("a")
    assert not caplog.messages
    for part in ("b\nc", "\n", "\n"):
        sys.stderr.write(part)
    assert caplog.messages == ["ab", "c"]


def test_a_thread_that_fails_is_logged_with_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    stderr.log_it()
    failing = threading.Thread(target=lambda: 1 / 0)
    failing.start()
    failing.join()
    assert [record.message for record in caplog.records] == ["a thread has failed"]
    assert caplog.records[0].exc_info
