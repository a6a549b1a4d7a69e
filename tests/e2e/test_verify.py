"""``make verify`` on the local stack: it passes, and names each defect that is made on purpose."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from deploy.cloud.local_world import LocalWorld
from deploy.cloud.verify import verify
from deploy.local import background
from tests.support.rig import Rig
from tests.support.rigs import FAST, running_rig

ROOT = Path(__file__).parents[2]
Defect = Callable[[Rig], AbstractContextManager[object]]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("verify")


@pytest.fixture(scope="module")
def rig(state: Path) -> Iterator[Rig]:
    """A stack of our own: what other tests break on purpose is in its logs."""
    with running_rig(state, FAST) as rig:
        yield rig


def verdicts(rig: Rig) -> dict[str, str]:
    """Check -> what it says when it fails, "" when it passes."""
    found = list(verify(LocalWorld(rig.info, rig.stack.log)))
    assert all(bool(verdict.detail) is not verdict.passed for verdict in found)
    return {verdict.check: verdict.detail for verdict in found}


def failed(rig: Rig) -> set[str]:
    return {name for name, detail in verdicts(rig).items() if detail}


def test_a_healthy_stack_passes_every_check(rig: Rig) -> None:
    found = verdicts(rig)

    assert {name: said for name, said in found.items() if said} == {}
    assert found.keys() >= {
        *(f"{bucket}-{what}" for bucket in ("prompts", "output") for what in BUCKET),
        *(f"{service}-{what}" for service in SERVICES for what in ("ready", "logs")),
        *(f"{topic}-{what}" for topic in TOPICS for what in ("subscription", "dead-letters")),
        *("submit", "objects-requests", "objects-metadata", "objects-audio"),
        *("forged-token", "ingest-tokens"),
    }


BUCKET = ("bucket", "versioning", "lifecycle", "uniform-access", "public-access-prevention", "iam")
SERVICES = ("ingest", "generator", "notifier")
TOPICS = ("track-requests", "track-events", "track-progress")


@contextmanager
def patched(rig: Rig, change: Mapping[str, object], back: Mapping[str, object]) -> Iterator[None]:
    url = f"{rig.info['storage']}/storage/v1/b/{rig.info['output_bucket']}"
    assert rig.http.patch(url, json=change, timeout=10).ok
    yield
    assert rig.http.patch(url, json=back, timeout=10).ok


def versioning_off(rig: Rig) -> AbstractContextManager[None]:
    off, on = ({"versioning": {"enabled": value}} for value in (False, True))
    return patched(rig, off, on)


def a_rule_gone(rig: Rig) -> AbstractContextManager[None]:
    bucket = rig.storage().get_bucket(rig.info["output_bucket"])
    rules = list(bucket.lifecycle_rules)
    assert len(rules) == 4
    return patched(rig, {"lifecycle": {"rule": rules[1:]}}, {"lifecycle": {"rule": rules}})


def a_rule_too_many(rig: Rig) -> AbstractContextManager[None]:
    bucket = rig.storage().get_bucket(rig.info["output_bucket"])
    rules = list(bucket.lifecycle_rules)
    more = [*rules, {"action": {"type": "Delete"}, "condition": {"age": 1}}]
    return patched(rig, {"lifecycle": {"rule": more}}, {"lifecycle": {"rule": rules}})


def prevention_off(rig: Rig) -> AbstractContextManager[None]:
    inherited, enforced = (
        {"iamConfiguration": {"publicAccessPrevention": value}}
        for value in ("inherited", "enforced")
    )
    return patched(rig, inherited, enforced)


@contextmanager
def open_to_everybody(rig: Rig) -> Iterator[None]:
    url = f"{rig.info['storage']}/storage/v1/b/{rig.info['output_bucket']}/iam"
    before = rig.http.get(url, timeout=10).json()
    binding = {"role": "roles/storage.objectViewer", "members": ["allUsers"]}
    assert rig.http.put(url, json={"bindings": [binding]}, timeout=10).ok
    yield
    assert rig.http.put(url, json=before, timeout=10).ok


@contextmanager
def notifier_down(rig: Rig) -> Iterator[None]:
    rig.stack.kill("notifier")
    yield
    rig.stack.restart("notifier")


@contextmanager
def generator_down(rig: Rig) -> Iterator[None]:
    rig.stack.kill("generator")
    yield
    rig.stack.restart("generator")


@contextmanager
def no_metadata(rig: Rig) -> Iterator[None]:
    """What is deleted is one completed track's; those that verify makes itself are whole."""
    track = rig.submit().id
    assert rig.ended(track)["status"] == "completed"
    blob = rig.storage().bucket(rig.info["output_bucket"]).blob(f"metadata/{track}.json")
    kept = blob.download_as_bytes()
    blob.delete()
    yield
    blob.upload_from_string(kept, content_type="application/json")


@contextmanager
def an_error_line(rig: Rig) -> Iterator[None]:
    with rig.stack.log("ingest").open("a") as log:  # the service appends, too
        at = log.tell()
        log.write(json.dumps({"severity": "ERROR", "message": "the roof is on fire"}) + "\n")
    yield
    text = rig.stack.log("ingest").read_bytes()
    rig.stack.log("ingest").write_bytes(text.replace(b'"ERROR"', b'"INFO"', 1))
    assert text[at:].startswith(b"{")


@pytest.mark.parametrize(
    ("defect", "names"),
    [
        (versioning_off, {"output-versioning"}),
        (a_rule_gone, {"output-lifecycle"}),
        (a_rule_too_many, {"output-lifecycle"}),
        (prevention_off, {"output-public-access-prevention"}),
        (open_to_everybody, {"output-iam"}),
        (notifier_down, {"notifier-ready"}),
        (no_metadata, {"objects-metadata"}),
        (an_error_line, {"ingest-logs"}),
    ],
)
def test_each_defect_is_named_and_nothing_else(rig: Rig, defect: Defect, names: set[str]) -> None:
    with defect(rig):
        assert failed(rig) == names  # and so nothing is left of the one before


def test_without_a_generator_nothing_is_waited_for(rig: Rig) -> None:
    with generator_down(rig):
        found = verdicts(rig)
    objects = {f"objects-{kind}" for kind in ("requests", "metadata", "audio")}
    assert {name for name, said in found.items() if said} == {
        *("generator-ready", "forged-token"),
        *objects,
    }
    assert all("does not answer" in found[name] for name in objects)


def command(state: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "deploy.cloud.verify", *arguments],
        cwd=ROOT,
        env={**os.environ, "MOTIF_STATE": str(state)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_says_it_in_lines_or_json_and_by_its_exit_code(rig: Rig, state: Path) -> None:
    folder = rig.stack.log("ingest").parents[1]
    with background.held(folder):
        background.publish(folder, rig.info)
        good = command(folder)
        with versioning_off(rig):
            bad = command(folder, "--json")

    assert good.returncode == 0, good.stdout + good.stderr
    assert "pass  submit" in good.stdout.splitlines()
    assert bad.returncode == 1
    lines = [json.loads(line) for line in bad.stdout.splitlines()]
    assert [line["check"] for line in lines if not line["passed"]] == ["output-versioning"]
    assert len(lines) == len(good.stdout.splitlines())


def test_without_a_stack_it_says_what_to_do(tmp_path: Path) -> None:
    done = command(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "make up" in done.stderr
