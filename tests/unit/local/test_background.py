import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.background import AlreadyRunning, NotRunning, down, held, holder, publish, running
from tests.support.waiting import wait_for

HOLD = """
import signal, sys, time
from pathlib import Path
from deploy.local.background import held
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
with held(Path(sys.argv[1])):
    time.sleep(60)
"""


@contextmanager
def another(state: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that holds *state*."""
    with subprocess.Popen([sys.executable, "-c", HOLD, state]) as process:
        try:
            wait_for(lambda: holder(state) == process.pid)
            yield process
        finally:
            process.kill()


def test_one_at_a_time(tmp_path: Path) -> None:
    with another(tmp_path), pytest.raises(AlreadyRunning), held(tmp_path):
        pass


def test_a_crash_leaves_nothing_that_counts(tmp_path: Path) -> None:
    publish(tmp_path, {"api": "http://127.0.0.1:1"})
    with another(tmp_path) as process:
        assert running(tmp_path)["api"] == "http://127.0.0.1:1"
        process.kill()
        process.wait()

    assert holder(tmp_path) is None
    with pytest.raises(NotRunning):
        running(tmp_path)
    with held(tmp_path):
        assert holder(tmp_path) == os.getpid()


def test_down_stops_the_holder_and_nobody_else(tmp_path: Path) -> None:
    with another(tmp_path / "other") as other, another(tmp_path / "mine") as mine:
        assert down(tmp_path / "mine")

        assert mine.wait(5) == 0
        assert holder(tmp_path / "mine") is None
        assert other.poll() is None


def test_down_without_a_stack_forgets_a_stale_description(tmp_path: Path) -> None:
    (tmp_path / "supervisor.pid").write_text(str(os.getpid()))  # of another boot
    publish(tmp_path, {})

    assert not down(tmp_path)

    assert not (tmp_path / "stack.json").exists()


def test_the_description_is_private_and_goes_with_the_holder(tmp_path: Path) -> None:
    with held(tmp_path):
        publish(tmp_path, {"webhook_secret": "s"})

        assert json.loads((tmp_path / "stack.json").read_text()) == {"webhook_secret": "s"}
        assert stat.S_IMODE((tmp_path / "stack.json").stat().st_mode) == 0o600

    assert [file.name for file in tmp_path.iterdir()] == ["supervisor.pid"]


def test_one_that_does_not_listen_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.background._STOP_SECONDS", 0.2)
    with another(tmp_path) as process:
        os.kill(process.pid, signal.SIGSTOP)
        began = time.monotonic()

        assert down(tmp_path)

        assert process.wait(5) == -signal.SIGKILL
        assert time.monotonic() - began < 5
