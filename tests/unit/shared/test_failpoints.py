import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from shared.failpoints import failpoint
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[3]
CALL = "from shared.failpoints import failpoint; failpoint('here', 'k'); print('went on')"


@pytest.fixture
def arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`arm(name, **order)` in a folder that FAILPOINTS names."""
    monkeypatch.setenv("FAILPOINTS", str(tmp_path))

    def arm(name: str, **order: Any) -> None:
        (tmp_path / f"{name}.json").write_text(
            json.dumps({"action": "sleep", "seconds": 0} | order)
        )

    return arm


def fired(folder: Path, name: str) -> int:
    """How often a failpoint did something."""
    return len(list((folder / "fired").glob(f"{name}.*")))


def test_without_a_folder_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAILPOINTS", raising=False)
    (tmp_path / "here.json").write_text('{"action": "kill"}')
    failpoint("here", "k")
    monkeypatch.setenv("FAILPOINTS", "")
    failpoint("here", "k")
    assert not (tmp_path / "fired").exists()


def test_a_name_that_is_not_armed_does_nothing(tmp_path: Path, arm: Callable[..., None]) -> None:
    arm("there")
    failpoint("here", "k")
    assert not (tmp_path / "fired").exists()


def test_half_an_order_is_none(tmp_path: Path, arm: Callable[..., None]) -> None:
    (tmp_path / "here.json").write_text('{"action": "ki')
    failpoint("here", "k")
    assert not (tmp_path / "fired").exists()


def test_each_key_fires_once_and_each_name_so_often(
    tmp_path: Path, arm: Callable[..., None]
) -> None:
    arm("here", count=2)
    arm("there", count=5)
    for key in ("a", "a", "b", "c", "a"):
        failpoint("here", key)
        failpoint("there", key)
    assert (fired(tmp_path, "here"), fired(tmp_path, "there")) == (2, 3)


def test_one_is_the_usual_count(tmp_path: Path, arm: Callable[..., None]) -> None:
    arm("here")
    for key in ("a", "b"):
        failpoint("here", key)
    assert fired(tmp_path, "here") == 1


def test_a_sleep_lasts_and_only_the_first_time(arm: Callable[..., None]) -> None:
    arm("here", seconds=0.1)
    begun = time.monotonic()
    failpoint("here", "k")
    slept = time.monotonic() - begun
    failpoint("here", "k")
    assert slept >= 0.1
    assert time.monotonic() - begun < slept + 0.05


def test_it_can_be_armed_and_disarmed_while_it_runs(
    tmp_path: Path, arm: Callable[..., None]
) -> None:
    failpoint("here", "a")
    arm("here", count=9)
    failpoint("here", "b")
    (tmp_path / "here.json").unlink()
    failpoint("here", "c")
    assert fired(tmp_path, "here") == 1


def test_many_threads_fire_no_more_often(tmp_path: Path, arm: Callable[..., None]) -> None:
    arm("here", count=3)
    gate = threading.Barrier(16)

    def one(number: int) -> None:
        gate.wait()
        failpoint("here", f"k{number % 8}")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(one, range(16)))
    assert fired(tmp_path, "here") == 3


def started() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CALL], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_kill_kills_and_is_counted(tmp_path: Path, arm: Callable[..., None]) -> None:
    arm("here", action="kill")
    with started() as process:
        assert process.communicate(timeout=20)[0] == ""
    assert process.returncode == -signal.SIGKILL
    assert fired(tmp_path, "here") == 1
    with started() as process:
        assert process.communicate(timeout=20)[0] == "went on\n"
    assert process.returncode == 0


def test_stop_freezes_until_somebody_goes_on(arm: Callable[..., None]) -> None:
    arm("here", action="stop")
    with started() as process:
        stat = Path(f"/proc/{process.pid}/stat")
        wait_for(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")
        os.kill(process.pid, signal.SIGCONT)
        assert process.communicate(timeout=20)[0] == "went on\n"


def test_hang_stays_where_it_is(tmp_path: Path, arm: Callable[..., None]) -> None:
    arm("here", action="hang")
    with started() as process:
        wait_for(lambda: fired(tmp_path, "here"))
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.1)
        process.kill()
