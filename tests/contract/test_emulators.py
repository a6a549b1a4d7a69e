"""Processes of the local stack: what they leave behind, and when they count as ready."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.emulators import JarsMissing, find_jars, start_pubsub
from deploy.local.process import NotReady, Process, free_port
from deploy.local.tools import ensure_tools
from tests.support.target import Target
from tests.support.waiting import wait_for

ORPHAN = """
import os, sys, time
from pathlib import Path
from deploy.local.process import Process
print(Process("sleeper", ["sleep", "60"], Path(sys.argv[1]), os.environ).pid, flush=True)
time.sleep(60)
"""


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"


def test_a_killed_runner_leaves_no_orphan(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ORPHAN, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as runner:
        assert runner.stdout
        pid = int(runner.stdout.readline())
        comm = Path(f"/proc/{pid}/comm")
        wait_for(lambda: comm.read_text() == "sleep\n")
        runner.kill()
    wait_for(lambda: gone(pid))


def test_stop_ends_the_whole_group(tmp_path: Path) -> None:
    process = Process("shell", ["sh", "-c", "sleep 60 & echo $!; wait"], tmp_path / "log", {})
    child = wait_for(lambda: (tmp_path / "log").read_text().strip())
    assert process.stop() == -signal.SIGTERM
    wait_for(lambda: gone(int(child)))
    assert process.stop() == -signal.SIGTERM


def test_an_early_end_is_told_with_its_log(tmp_path: Path) -> None:
    process = Process("broken", ["sh", "-c", "echo no such flag; exit 3"], tmp_path / "log", {})
    with pytest.raises(NotReady, match=r"broken ended with 3:\nno such flag"):
        process.wait_ready(free_port())


def test_anothers_answer_does_not_make_an_emulator_ready(tmp_path: Path) -> None:
    with Target() as stranger:
        port, tools = int(stranger.url.rpartition(":")[2]), ensure_tools(os.environ)
        emulator = start_pubsub(port, tmp_path / "log", java=tools.java, jars=tools.jars)
        try:
            with pytest.raises(NotReady):
                emulator.ready(seconds=1)
        finally:
            emulator.stop()


def test_the_newest_jars_below_emulator_home_are_taken(tmp_path: Path) -> None:
    folder = tmp_path / "pubsub-emulator" / "lib"
    folder.mkdir(parents=True)
    for version in ("0.8.9", "0.8.37"):
        (folder / f"cloud-pubsub-emulator-{version}-all.jar").touch()
    (tmp_path / "cloud-firestore-emulator-v1.22.0.jar").touch()
    jars = find_jars({"EMULATOR_HOME": str(tmp_path)})
    assert jars.pubsub.name == "cloud-pubsub-emulator-0.8.37-all.jar"
    assert jars.firestore.name == "cloud-firestore-emulator-v1.22.0.jar"


def test_folders_may_be_links(tmp_path: Path) -> None:
    (tmp_path / "sdk" / "lib").mkdir(parents=True)
    (tmp_path / "sdk" / "lib" / "cloud-pubsub-emulator-0.8.20-all.jar").touch()
    (tmp_path / "sdk" / "cloud-firestore-emulator.jar").touch()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "linked").symlink_to(tmp_path / "sdk")
    jars = find_jars({"EMULATOR_HOME": str(tmp_path / "home")})
    assert jars.firestore.is_relative_to(tmp_path / "home")


def test_missing_jars_are_one_error_with_its_cure(tmp_path: Path) -> None:
    with pytest.raises(JarsMissing, match="EMULATOR_HOME"):
        find_jars({"EMULATOR_HOME": str(tmp_path)})
