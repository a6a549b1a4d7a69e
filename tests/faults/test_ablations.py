"""The suite can see: on a copy of the tree with one rule taken out, it fails."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ablation:
    """One rule, where it stands, what stands there without it, and the test that must notice."""

    rule: str
    file: str
    edits: dict[str, str]
    test: str
    complaint: str


ABLATIONS = [
    Ablation(
        rule="look before you pay",
        file="services/generator/clips.py",
        edits={
            "return self._objects.read(name) if self._objects.look(name) else None": ("return None")
        },
        test="tests/faults/test_kills.py::test_kill[after_clip_stored]",
        complaint="paid for a clip that was stored",
    ),
    Ablation(
        rule="wake-ups",
        file="services/generator/sweeper.py",
        edits={
            "self._requests.publish(message, request_attributes(message, SOURCE) | carried)": (
                "request_attributes(message, SOURCE)"
            )
        },
        test="tests/faults/test_kills.py::test_kill[after_submit_commit]",
        complaint="not so after",
    ),
    Ablation(
        rule="the epoch fences",
        file="services/generator/claim.py",
        edits={
            "(track.epoch, track.run) == (self.epoch, self.run)": "track.run == self.run",
            "if track.holder != self.holder:": "if not track.holder:",
        },
        test="tests/faults/test_claims_that_die.py::test_a_late_worker_is_fenced_off",
        complaint="generation",
    ),
]


@pytest.mark.faults
@pytest.mark.parametrize("ablation", ABLATIONS, ids=lambda a: a.rule)
def test_without_this_rule_the_suite_fails(ablation: Ablation, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for name in ("shared", "services", "deploy", "tests", "requirements"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    (tree / ".venv").symlink_to(ROOT / ".venv")
    file = tree / ablation.file
    code = file.read_text()
    for rule, without in ablation.edits.items():
        assert code.count(rule) == 1
        code = code.replace(rule, without)
    file.write_text(code)
    command = [sys.executable, "-m", "pytest", ablation.test, "-q", "-p", "no:cacheprovider"]
    env = os.environ | {"KILL_TRACKS": "2", "PATIENCE": "25"}
    done = subprocess.run(
        command, cwd=tree, env=env, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 1, done.stdout[-3000:]
    assert "1 failed" in done.stdout, done.stdout[-3000:]
    assert ablation.complaint in done.stdout, done.stdout[-3000:]
