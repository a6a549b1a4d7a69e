"""Rules about the whole tree that no tool checks by itself."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("shared", "services", "deploy", "client", "benchmarks")
SERVICES = ("ingest", "generator", "notifier")
NOT_OURS = re.compile(
    r"\.git|\.venv|\.local|\.hypothesis|\..*_cache|__pycache__|\.coverage.*|htmlcov"
)
LONGEST_MODULE = 300


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Every name that a module imports, ``from a import b`` as ``a.b``."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def found(*folders: str, importing: str) -> set[str]:
    """Modules that import *importing* or something below it, as paths from the root."""
    wanted = re.compile(rf"{re.escape(importing)}(\.|$)")
    return {
        path.relative_to(ROOT).as_posix()
        for path in modules(*folders)
        if any(wanted.match(name) for name in imports(path))
    }


def ours() -> list[Path]:
    """Every file of the tree that is text."""
    files = (path for path in ROOT.rglob("*") if path.is_file())
    parts = ((path, path.relative_to(ROOT).parts) for path in files)
    return sorted(path for path, names in parts if not any(map(NOT_OURS.fullmatch, names)))


def test_there_is_something_to_look_at() -> None:
    assert len(modules(*CODE)) > 60
    assert ROOT / "pyproject.toml" in ours()
    assert "shared/gcp/firestore.py" in found("shared", importing="google.cloud")


@pytest.mark.parametrize("service", SERVICES)
def test_services_know_the_shared_parts_and_no_other_service(service: str) -> None:
    folder = f"services/{service}"
    for other in {*SERVICES} - {service}:
        assert found(folder, importing=f"services.{other}") == set()
    for outside in ("deploy", "tests", "client", "motif", "benchmarks"):
        assert found(folder, importing=outside) == set()


def test_what_is_shared_knows_nobody() -> None:
    for outside in ("services", "deploy", "tests", "client", "motif", "benchmarks"):
        assert found("shared", importing=outside) == set()


def test_only_the_wiring_knows_google() -> None:
    apps = {f"services/{service}/app.py" for service in SERVICES}
    command = {"services/ingest/identity/admin.py"}
    halves = {"shared/gcp/firestore.py"}  # the other half is values.py
    lazily = {"shared/telemetry.py"}
    assert found("shared", "services", importing="shared.gcp") == apps | command | halves | lazily


GOOGLE = {
    "shared/gcp/firestore.py": "google.cloud.firestore",
    "shared/gcp/otlp.py": "opentelemetry.exporter",
    "shared/gcp/pubsub.py": "google.cloud.pubsub_v1",
    "shared/gcp/signing.py": "google.cloud.storage",
    "shared/gcp/storage.py": "google.cloud.storage",
    "shared/gcp/values.py": "google.cloud.firestore",
    "services/generator/lyria.py": "google.cloud.aiplatform_v1",
    "services/ingest/prompts/gemini.py": "google.genai",
}


def test_each_google_client_has_its_one_place() -> None:
    code = ("shared", "services")
    packages = ("google.cloud", "google.api_core", "google.pubsub_v1")
    for package in (*packages, "opentelemetry.exporter", "opentelemetry.sdk"):
        assert found(*code, importing=package) <= GOOGLE.keys()
    for path, client in GOOGLE.items():
        assert any(name.startswith(client) for name in imports(ROOT / path)), path
    assert found(*code, importing="google.auth") <= GOOGLE.keys() | {
        "shared/auth.py",
        "shared/certs.py",
    }


@pytest.mark.parametrize(
    ("package", "place"),
    [
        ("google.genai", "services/ingest/prompts/gemini.py"),
        ("PIL", "services/ingest/prompts/pictures.py"),
    ],
)
def test_what_only_images_need_has_its_one_place(package: str, place: str) -> None:
    assert found("shared", "services", importing=package) == {place}


def test_cloud_events_are_known_in_one_place() -> None:
    assert found("shared", "services", importing="cloudevents") == {"shared/events.py"}


def test_the_large_client_of_vertex_ai_is_never_used() -> None:
    assert found(*CODE, "tests", importing="google.cloud.aiplatform") == set()


@pytest.mark.parametrize("package", ["numpy", "av", "soundfile"])
def test_sound_is_the_generators(package: str) -> None:
    users = found("shared", "services", importing=package)
    assert users
    assert all(path.startswith("services/generator/audio/") for path in users)


def test_every_module_says_what_it_is() -> None:
    silent = [path for path in modules(*CODE) if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_every_module_is_small() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in modules(*CODE)}
    assert [path for path, lines in lengths.items() if lines > LONGEST_MODULE] == []


IMPORT = """
import sys, threading
ALLOWED = ("r", "rb", None)
def watch(event, args):
    if event.startswith(("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.",
                         "os.fork", "os.exec", "os.posix_spawn", "signal.")):
        raise RuntimeError(f"{event} at import")
    if event == "open" and args[1] not in ALLOWED:
        raise RuntimeError(f"{args[0]} is opened to be written")
sys.addaudithook(watch)
before = set(sys.modules)
module = __import__(sys.argv[1], fromlist=["create_app"])
assert callable(module.create_app)
assert threading.active_count() == 1, threading.enumerate()
import json
print(json.dumps(sorted(sys.modules)))
"""
NOT_INSTALLED = {
    "ingest": {"av", "soundfile", "httpx", "google.cloud.aiplatform_v1", "google.genai", "PIL"},
    "generator": {"httpx", "google.cloud.aiplatform"},
    "notifier": {
        *("av", "soundfile", "numpy", "httpx"),
        *("google.cloud.aiplatform_v1", "google.cloud.storage", "google.cloud.pubsub_v1"),
    },
}


@pytest.mark.parametrize("service", SERVICES)
def test_an_import_does_nothing(service: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", IMPORT, f"services.{service}.app"],
        cwd=ROOT,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    (line,) = run.stdout.splitlines()
    assert set(json.loads(line)) & NOT_INSTALLED[service] == set()


# Written so that these lines do not name what they look for.
REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.(org|com)|yarnpkg\.com|crates\.io|rubygems\.org"
    r"|proxy\.golang\.org|jsdelivr\.net|unpkg\.com|--(?:extra-)?index-url",
    re.IGNORECASE,
)
OF_ONE_MACHINE = re.compile(r"(?<![\w.$}{)])/(?:work|root|home|Users)/\w")


def test_the_patterns_find_what_they_look_for() -> None:
    assert REGISTRY.search(f"https://{'pypi'}.org/simple")
    assert REGISTRY.search(f"--extra-{'index'}-url https://x")
    assert not REGISTRY.search("--no-emit-index-url")
    for folder in ("work", "root", "home"):
        assert OF_ONE_MACHINE.search(f"log = '/{folder}/x'")
        inside = f"https://host/{folder}/x ./{folder}/x {{base}}/{folder}/x"
        assert not OF_ONE_MACHINE.search(inside)


@pytest.mark.parametrize("forbidden", [REGISTRY, OF_ONE_MACHINE], ids=["registry", "machine"])
def test_the_tree_is_at_home_anywhere(forbidden: re.Pattern[str]) -> None:
    named = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in ours()
        for match in forbidden.finditer(path.read_text(errors="replace"))
    ]
    assert named == []
