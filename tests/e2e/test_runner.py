"""``make run``, ``make up`` and ``make down``, as a person or a program calls them."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from deploy.local import ports
from deploy.local.background import holder
from tests.support.family import Relative, everybody, family
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
SECONDS = 90
KEYS = {
    "api", "studio", "docs", "generator", "notifier", "webhook_sink", "vertex", "pubsub",
    "firestore", "storage", "project", "prompts_bucket", "output_bucket", "webhook_secret",
    "paid_calls", "topics",
}  # fmt: skip


class Runner:
    """The command line over one state folder, in a shell that points to other emulators."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.env = {
            **os.environ,
            **ports.ANY,
            "MOTIF_STATE": str(state),
            "CI": "",
            "VERTEX_LATENCY_SECONDS": "0.1",
            "PUBSUB_EMULATOR_HOST": "127.0.0.1:1",
            "FIRESTORE_EMULATOR_HOST": "127.0.0.1:1",
            "STORAGE_EMULATOR_HOST": "http://127.0.0.1:1",
        }

    def start(self, command: str, **options: Any) -> "subprocess.Popen[str]":
        arguments = [sys.executable, "-m", "deploy.local", command]
        return subprocess.Popen(
            arguments, cwd=ROOT, env=self.env, text=True, stdout=subprocess.PIPE, **options
        )

    def __call__(self, command: str, **options: Any) -> "tuple[int, str]":
        """Exit code and output; waits until nobody holds the output any more."""
        with self.start(command, stderr=subprocess.STDOUT, **options) as process:
            output, _ = process.communicate(timeout=SECONDS)
        return process.returncode, output

    def info(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.state / "stack.json").read_text())
        return found

    def family(self) -> frozenset[Relative]:
        pid = holder(self.state)
        assert pid is not None
        return family(pid)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """The runner after `up`."""
    runner = Runner(tmp_path_factory.mktemp("runner"))
    reader, writer = os.pipe()
    try:
        code, output = runner("up", pass_fds=[writer])
        os.close(writer)
        assert code == 0, output
        assert "Motif is ready" in output
        assert os.read(reader, 1) == b"", "the background holds what the caller had open"
        yield runner
    finally:
        os.close(reader)
        runner("down")


def gone(family: frozenset[Relative]) -> bool:
    return not family & everybody()


def test_everything_answers_at_the_addresses_told(runner: Runner) -> None:
    info = runner.info()

    assert info.keys() - {"relay"} == KEYS
    for name in ("generator", "notifier", "api"):
        assert requests.get(f"{info[name]}/startup", timeout=5).status_code == 200
    for name in ("webhook_sink", "vertex", "storage"):
        assert requests.get(info[name], timeout=5).status_code == 200
    for name in ("pubsub", "firestore"):
        assert requests.get(f"http://{info[name]}", timeout=5).status_code == 200
    topics = f"http://{info['pubsub']}/v1/projects/{info['project']}/topics"
    made = {
        one["name"].rpartition("/")[2] for one in requests.get(topics, timeout=5).json()["topics"]
    }
    assert set(info["topics"].values()) <= made
    assert Path(info["paid_calls"]).read_text() == ""


def test_up_twice_is_one_stack(runner: Runner) -> None:
    before = holder(runner.state)

    code, output = runner("up")

    assert (code, holder(runner.state)) == (0, before)
    assert "running already" in output
    assert runner.info()["api"] in output


@pytest.mark.parametrize(
    ("module", "name", "path"),
    [("services.generator", "generator", "/startup"), ("deploy.local.storage", "storage", "/")],
)
def test_what_is_killed_comes_back(runner: Runner, module: str, name: str, path: str) -> None:
    def leaders() -> frozenset[Relative]:
        living = runner.family()
        return frozenset(p for p in living if p.pid == p.session and module in p.command)

    (old,) = leaders()
    group = frozenset(one for one in runner.family() if one.session == old.pid)

    os.kill(old.pid, signal.SIGKILL)

    wait_for(lambda: leaders() - group)
    assert gone(group), "its worker outlived it"
    wait_for(lambda: answers(runner.info()[name] + path))


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).ok
    except requests.RequestException:
        return False


def test_down_leaves_nobody(runner: Runner) -> None:
    members, port = runner.family(), int(runner.info()["api"].rpartition(":")[2])
    assert len(members) == 9 + 3, "nine processes, and gunicorn's workers"

    assert runner("down") == (0, "Stopped.\n")

    assert gone(members)
    assert not (runner.state / "stack.json").exists()
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))
    assert runner("down") == (0, "No stack was running.\n")


def test_a_killed_supervisor_takes_all_with_it_and_up_starts_anew(runner: Runner) -> None:
    assert runner("up")[0] == 0
    members, first = runner.family(), holder(runner.state)
    assert first

    os.kill(first, signal.SIGKILL)

    wait_for(lambda: gone(members))
    assert (runner.state / "stack.json").exists(), "nobody could clean up"
    assert runner("demo") == (1, "no stack is running here: make up\n")
    assert runner("down") == (0, "No stack was running.\n")
    assert not (runner.state / "stack.json").exists()


def test_a_service_that_does_not_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    runner.env["WEBHOOK_SECRET"] = "whsec_too-short"

    code, output = runner("up")

    assert code == 1
    assert "notifier ended with" in output
    assert "webhook_secret" in output
    assert "whsec_too-short" not in output
    assert holder(tmp_path) is None
    assert not (tmp_path / "stack.json").exists()


def test_run_makes_a_first_track_and_stays_until_ctrl_c(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    with runner.start("run") as process:
        assert process.stdout
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        members = runner.family()
        process.send_signal(signal.SIGINT)
        output = "".join(lines) + process.stdout.read()
        assert process.wait(SECONDS) == 0, output

    assert gone(members)
    assert "Webhook: track.completed, its signature is good" in output
    told = re.search(r"Audio: (\S+\.wav): 30.0 s, \S+ MB, (\S+) LUFS, true peak (\S+) dBTP", output)
    assert told, output
    assert float(told[2]) == pytest.approx(-14, abs=0.5)
    assert float(told[3]) <= -1
    with wave.open(str(tmp_path / "out" / "first-track.wav")) as audio:
        assert audio.getnframes() == 30 * audio.getframerate()
