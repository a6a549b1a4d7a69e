"""Set-up with a real pip, offline: what ``make`` does before anything else."""

import base64
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from deploy.local import bootstrap
from tests.support.waiting import wait_for


def wheel(folder: Path, name: str, version: str) -> str:
    """Put a wheel with one module into *folder*; return the line of a locked list."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"version = '{version}'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {n: hashlib.sha256(text.encode()).digest() for n, text in files.items()}
    record = [
        f"{n},sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')},{len(files[n])}"
        for n, digest in digests.items()
    ]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


class Tree:
    """A repository with nothing but the bootstrap script and two locked lists."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.script = root / "deploy" / "local" / "bootstrap.py"
        self.script.parent.mkdir(parents=True)
        shutil.copy(bootstrap.__file__, self.script)
        self.wheels = root / "wheels"
        self.wheels.mkdir()
        (root / "requirements").mkdir()
        self.python = root / ".venv" / "bin" / "python"

    def list(self, name: str, *lines: str) -> None:
        (self.root / "requirements" / f"{name}.txt").write_text("".join(lines))

    def run(self, *names: str) -> "subprocess.CompletedProcess[str]":
        offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PIP_CONFIG_FILE": ""}
        return subprocess.run(
            [sys.executable, self.script, *names],
            env=os.environ | offline,
            capture_output=True,
            text=True,
            check=False,
        )

    def version(self, module: str) -> str:
        code = f"import {module}; print({module}.version)"
        told = subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=True)
        return told.stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "tree")


def test_a_life(tree: Tree) -> None:
    one, two = wheel(tree.wheels, "one", "1.0"), wheel(tree.wheels, "two", "1.0")
    tree.list("dev", one, two)
    tree.list("local", one.replace("sha256:", "sha256:0")[: len(one)])

    failed = tree.run("local")
    assert failed.returncode == 1
    last = failed.stderr.splitlines()[-1]
    assert (
        last == "Set-up: requirements/local.txt could not be installed: see above, then try again"
    )
    assert "Traceback" not in failed.stderr
    kept = tree.python.parent / "kept"
    kept.touch()

    tree.list("local", one)
    assert "local.txt" in tree.run("local").stdout
    assert tree.version("one") == "1.0"
    assert list((tree.root / ".venv").rglob("one.*.pyc")), "no byte-code"
    assert tree.run("local").stdout == ""
    assert kept.exists(), "a failure costs what was installed"

    assert "dev.txt" in tree.run("dev").stdout
    assert tree.run("local").stdout == "", "dev holds all of local"

    tree.list("local", wheel(tree.wheels, "one", "2.0"))
    assert "local.txt" in tree.run("local").stdout
    assert tree.version("one") == "2.0"
    assert tree.version("two") == "1.0"

    # Killed in the middle: a package lacks a file, and pip thinks that it is whole.
    next((tree.root / ".venv").rglob("one.py")).unlink()
    (tree.root / ".local" / "setup.lock").write_text("installing\n")
    assert "local.txt" in tree.run("local").stdout
    assert tree.version("one") == "2.0"
    assert not kept.exists()
    assert tree.run("local").stdout == ""


def test_a_second_set_up_waits_for_the_first(tree: Tree) -> None:
    (tree.root / ".local").mkdir()
    tree.list("local")
    (tree.root / ".venv").mkdir()
    (tree.root / ".venv" / ".installed-local").write_text(bootstrap._state(tree.root, "local"))
    with (tree.root / ".local" / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen([sys.executable, tree.script, "local"]) as second:
            wait_for(lambda: blocked(second.pid))
            assert second.poll() is None
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert second.wait(10) == 0


def blocked(pid: int) -> bool:
    """Whether it waits for a lock of a file."""
    time.sleep(0.01)
    return any(str(pid) in line and "->" in line for line in open_locks())


def open_locks() -> list[str]:
    return Path("/proc/locks").read_text().splitlines()
