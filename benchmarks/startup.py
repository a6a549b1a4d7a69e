"""How soon each service answers after its start, from an environment of its own locked list.

    python benchmarks/startup.py [SERVICE ...] [--environments FOLDER]

As in the images: hashed packages of that service alone, its own files alone, byte-compiled. Files
are in the page cache (one start before those that count). Seconds run from the start of gunicorn to
the first 200 of ``/live``, and to the first answer that took Firestore. *CPU* is what was computed
until ``/live``: it tells a slow start from a busy machine.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final

import requests

sys.path.insert(0, str(Path(__file__).parents[1]))

from deploy.local import ports
from deploy.local.bootstrap import ROOT
from deploy.local.environment import environment, service_environment
from deploy.local.keys import SCHEDULER_ACCOUNT
from deploy.local.layout import Layout
from deploy.local.process import Process
from deploy.local.stack import Stack

LIMITS: Final = {"notifier": 1.2, "generator": 2.5, "ingest": 1.5}  # ingest's submits come last
STARTS: Final = 5
_COMPILE: Final = ("-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash")
_IMPORT: Final = (
    "import time; began = time.perf_counter(); import services.{}.app;"
    " print(time.perf_counter() - began)"
)
_TICK: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds of one start."""

    imports: float
    cpu: float
    live: float
    answer: float


def main() -> None:
    """Print one line for each service."""
    parser = argparse.ArgumentParser()
    parser.add_argument("services", nargs="*", default=[*LIMITS])
    parser.add_argument("--environments", type=Path, help="keep them here, and use them again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kept = options.environments or Path(folder) / "environments"
        made = {name: _python(name, kept) for name in options.services}
        chosen = ports.choose(ports.ANY)
        given = {**os.environ, **{ports.variable(name): f"{p}" for name, p in chosen.items()}}
        layout = Layout(Path(folder) / "stack", chosen)
        print(
            f"{'':10}{'packages':>14}{'import':>9}{'CPU':>9}{'/live':>9}{'limit':>9}{'answer':>9}"
        )
        with Stack.start(layout.state, given) as stack:
            for other in ("ingest", "generator", "notifier", "vertex", "sink"):
                stack.kill(other)
            env = environment(layout, given)
            for name, python in made.items():
                _print(name, python, [_start(name, python, layout, env) for _ in range(STARTS + 1)])


def _print(name: str, python: Path, starts: list[Figures]) -> None:
    columns = zip(*map(astuple, starts[1:]), strict=True)
    imports, cpu, live, answer = map(statistics.median, columns)
    packages = sum(_mib(path) for path in python.parents[1].glob("lib/python3.*/site-packages"))
    print(
        f"{name:10}{packages:10.0f} MiB{imports:7.2f} s{cpu:7.2f} s{live:7.2f} s"
        f"{LIMITS[name]:7.1f} s{answer:7.2f} s",
        flush=True,
    )


def _python(name: str, folder: Path) -> Path:
    """The interpreter of an environment with what *name* needs, and nothing else; once."""
    python = folder / name / "bin" / "python"
    if not python.exists():
        half = folder / f"{name}.half"
        shutil.rmtree(half, ignore_errors=True)
        _call(sys.executable, "-m", "venv", "--without-pip", half)
        install = ("-m", "pip", "--python", half / "bin" / "python", "install", "-qq")
        hashed = ("--no-compile", "--no-deps", "--require-hashes", "-r")
        _call(sys.executable, *install, *hashed, ROOT / "requirements" / f"{name}.txt")
        half.rename(python.parents[1])
        _call(python, *_COMPILE, python.parents[1] / "lib")
    return python


def _tree(name: str, folder: Path) -> Path:
    """What the image of *name* holds of ours, byte-compiled."""
    if not folder.exists():
        skip = shutil.ignore_patterns("__pycache__")
        for part in ("shared", f"services/{name}"):
            shutil.copytree(ROOT / part, folder / part, ignore=skip)
        (folder / "deploy").mkdir()
        for file in ("services/__init__.py", "deploy/gunicorn.conf.py"):
            shutil.copy(ROOT / file, folder / file)
        _call(sys.executable, *_COMPILE, folder)
    return folder


def _start(name: str, python: Path, layout: Layout, env: Mapping[str, str]) -> Figures:
    tree = _tree(name, layout.state / "trees" / name)
    own = service_environment(name, layout, env) | {"PYTHONPATH": f"{tree}"}
    own |= {"PYTHONDONTWRITEBYTECODE": "1"}
    imports = float(_call(python, "-c", _IMPORT.format(name), env=own))
    config = tree / "deploy" / "gunicorn.conf.py"
    app = f"services.{name}.app:create_app()"
    line: list[str | Path] = [python, "-m", "gunicorn", "-c", config, app]
    token = _token(layout, name)
    began = time.monotonic()
    process = Process(name, line, layout.log(name), own)
    try:
        _live(layout.url(name))
        live, cpu = time.monotonic() - began, _cpu(process.pid)
        _answer(name, layout, token)
        return Figures(imports, cpu, live, time.monotonic() - began)
    finally:
        process.stop()


def _live(url: str) -> None:
    for _ in range(10_000):
        try:
            requests.get(f"{url}/live", timeout=60).raise_for_status()
        except requests.ConnectionError:
            time.sleep(0.005)
        else:
            return
    raise RuntimeError(url)


def _answer(name: str, layout: Layout, token: str) -> None:
    """A submit, or a sweep: what each service is there for, and has to ask Firestore for."""
    path, body = "/internal/sweep", None
    if name == "ingest":
        path, body = "/v1/tracks", {"prompt": "a slow start with strings"}
    headers = {"Authorization": f"Bearer {token}"} if body is None else {}
    url = layout.url(name)
    requests.post(f"{url}{path}", json=body, headers=headers, timeout=60).raise_for_status()


def _token(layout: Layout, name: str) -> str:
    claims = {"email": SCHEDULER_ACCOUNT, "audience": layout.url(name)}
    answer: dict[str, str] = requests.post(
        f"{layout.url('relay')}/token", json=claims, timeout=60
    ).json()
    return answer["token"]


def _cpu(pid: int) -> float:
    """Seconds that *pid* and its children have computed."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    stats = (
        Path(f"/proc/{one}/stat").read_text().rsplit(")")[1].split() for one in (pid, *children)
    )
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / _TICK


def _mib(folder: Path) -> float:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def _call(*command: Any, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        [*map(str, command)], env=env, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


if __name__ == "__main__":
    main()
