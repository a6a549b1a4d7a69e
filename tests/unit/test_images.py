"""What each Dockerfile says, and what the checks of images find; building is ``deploy.images``."""

import json
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.cloud.commands import command
from deploy.images import checks
from deploy.local.environment import service_environment
from deploy.local.layout import Layout
from deploy.local.ports import DEFAULTS

ROOT = Path(__file__).parents[2]
SERVICES = ("ingest", "generator", "notifier")
PAGES = {"ingest": ["/", "/docs", "/openapi.json", "/v1/models"]}


def instructions(service: str) -> list[tuple[str, str]]:
    """The Dockerfile of *service*, each instruction with the rest of its line."""
    text = (ROOT / f"services/{service}/Dockerfile").read_text().replace("\\\n", "")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def last(service: str, name: str) -> str:
    return [rest for instruction, rest in instructions(service) if instruction == name][-1]


def copied(service: str) -> list[tuple[str, str]]:
    """What comes from the repository: source and place, both files or both folders."""
    lines = [rest.split() for name, rest in instructions(service) if name == "COPY"]
    return [(line[0], line[1]) for line in lines if not line[0].startswith("--")]


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_is_root_and_all_stages_are_of_one_base(service: str) -> None:
    said = instructions(service)
    assert [rest.split()[0] for name, rest in said if name == "FROM"] == ["${PYTHON_IMAGE}"] * 2
    assert last(service, "USER") == "10001:10001"
    assert said[-1][0] == "CMD"


@pytest.mark.parametrize("service", SERVICES)
def test_packages_are_those_that_were_locked_and_the_end_is_told_as_cloud_run_does(
    service: str,
) -> None:
    (install,) = [rest for name, rest in instructions(service) if " install " in rest]
    assert {"--require-hashes", "--no-deps", "--requirement"} <= set(install.split())
    assert last(service, "STOPSIGNAL") == "SIGTERM"


@pytest.mark.parametrize("service", SERVICES)
def test_the_command_is_the_local_stacks(service: str) -> None:
    started = json.loads(last(service, "CMD"))
    assert started == [
        "gunicorn",
        "-c",
        "deploy/gunicorn.conf.py",
        f"services.{service}.app:create_app()",
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_memory_is_handled_as_in_the_local_stack(service: str, tmp_path: Path) -> None:
    said = dict(pair.split("=", 1) for pair in shlex.split(last(service, "ENV")))
    local = service_environment(service, Layout(tmp_path, DEFAULTS), {})
    names = {name for name in local if name.startswith("MALLOC_")}
    names |= {"OPENBLAS_NUM_THREADS"} if service == "generator" else set()
    assert names
    assert {name: said[name] for name in names} == {name: local[name] for name in names}
    assert (said["HOME"], said["TMPDIR"]) == ("/tmp", "/tmp")


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_copied_is_enough(service: str, tmp_path: Path) -> None:
    for source, place in copied(service):
        if not place.startswith("/app/"):
            assert source == f"requirements/{service}.txt"
            continue
        target = tmp_path / place.removeprefix("/app/")
        if place.endswith("/"):
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, target)
        else:
            shutil.copytree(ROOT / source, target)
    assert (tmp_path / "deploy/gunicorn.conf.py").exists()
    assert [path.name for path in (tmp_path / "services").iterdir() if path.is_dir()] == [service]
    asked = ["/live", *PAGES.get(service, [])]
    code = f"from services.{service}.app import create_app; client = create_app().test_client()"
    code += f"; print([client.get(path).status_code for path in {asked}])"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**checks.settings(service), "PYTHONPATH": str(tmp_path), "API_AUTH": "on"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert set(json.loads(run.stdout.splitlines()[-1])) <= {200, 401}


@pytest.mark.parametrize("service", SERVICES)
def test_each_builder_finds_the_file_and_is_told_the_base(service: str) -> None:
    file = f"--file=services/{service}/Dockerfile"
    assert file in command("docker build", service=service, image="image")
    for name in ("cloudbuild.yaml", "deploy/cloud/images.yaml"):
        (line,) = re.findall(rf"args: \[build,.*{re.escape(file)}.*\]", (ROOT / name).read_text())
        assert "--build-arg=PYTHON_IMAGE=$_PYTHON_IMAGE" in line, name


def image(root: Path) -> None:
    """The files of a good image of the notifier."""
    for name in ("services/__init__.py", "services/notifier/app.py", "shared/edge.py"):
        source = root / "app" / name
        (source.parent / "__pycache__").mkdir(parents=True, exist_ok=True)
        source.touch()
        (source.parent / "__pycache__" / f"{source.stem}.cpython-311.pyc").touch()
    (root / "app/deploy").mkdir()
    (root / "app/deploy/gunicorn.conf.py").touch()
    (root / "venv/lib/python3.11/site-packages").mkdir(parents=True)


DEFECTS: dict[str, Callable[[Path], object]] = {
    "/app/services/ingest is in": lambda root: (root / "app/services/ingest").mkdir(),
    "/app/tests is in": lambda root: (root / "app/tests").mkdir(),
    "/app/deploy/local is in": lambda root: (root / "app/deploy/local").mkdir(),
    "/app/shared/late.py has no byte-code": lambda root: (root / "app/shared/late.py").touch(),
    "/app/shared/edge.py can be changed": lambda root: (root / "app/shared/edge.py").chmod(0o666),
    "pip is in": lambda root: (root / "venv/lib/python3.11/site-packages/pip").mkdir(),
}


def found(root: Path) -> list[str]:
    return list(checks.contents("notifier", root))


@pytest.mark.parametrize("defect", DEFECTS)
def test_what_should_not_be_in_an_image_is_named(defect: str, tmp_path: Path) -> None:
    image(tmp_path)
    before = found(tmp_path)
    assert not [line for line in before if "can be changed" not in line]
    DEFECTS[defect](tmp_path)
    assert [line for line in found(tmp_path) if line.startswith(defect)]


def test_gunicorn_is_one_process_that_ends_before_it_is_killed() -> None:
    """Places, allowances and limits are counted in each process; Cloud Run waits 10 s."""
    said = runpy.run_path(str(ROOT / "deploy/gunicorn.conf.py"))
    assert (said["workers"], said["worker_class"]) == (1, "gthread")
    assert 2 * said["_FLUSH_SECONDS"] < said["graceful_timeout"] < 10
