"""What runs by itself: the build of a change on main, and the check of a pull request."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # only its stubs are missing

ROOT = Path(__file__).parents[2]
SERVICES = ("ingest", "generator", "notifier")


@pytest.fixture
def steps() -> dict[str, dict[str, Any]]:
    """Those of cloudbuild.yaml, by their ids."""
    return {step["id"]: step for step in yaml.safe_load(text("cloudbuild.yaml"))["steps"]}


@pytest.fixture
def job() -> dict[str, Any]:
    """The one job of a pull request."""
    (found,) = yaml.safe_load(text(".github/workflows/pull-request.yaml"))["jobs"].values()
    return dict(found)


def text(path: str) -> str:
    return (ROOT / path).read_text()


def before(steps: dict[str, dict[str, Any]], name: str) -> set[str]:
    """What has ended when *name* begins."""
    waited = [other for other in steps[name].get("waitFor", []) if other != "-"]
    return {*waited, *(far for other in waited for far in before(steps, other))}


def test_nothing_is_built_untested_and_nothing_rolled_out_unpushed(
    steps: dict[str, dict[str, Any]],
) -> None:
    assert steps["test"]["script"] == ".ci/run"
    for service in SERVICES:
        assert "test" in before(steps, f"build-{service}")
        assert f"build-{service}" in before(steps, f"push-{service}")
    assert before(steps, "roll-out") == steps.keys() - {"roll-out"}


def test_a_pull_request_runs_all_tests_and_may_only_read(job: dict[str, Any]) -> None:
    whole = yaml.safe_load(text(".github/workflows/pull-request.yaml"))
    assert whole["permissions"] == {"contents": "read"}
    assert True in whole  # `on`, which YAML 1.1 takes for a truth
    assert "pull_request" in whole[True]
    assert "runs-on" in job
    assert "permissions" not in job
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


def test_actions_of_others_are_named_by_commit(job: dict[str, Any]) -> None:
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert used
    for action in used:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action)


def test_both_run_on_the_python_that_we_are_for(
    steps: dict[str, dict[str, Any]], job: dict[str, Any]
) -> None:
    assert steps["test"]["name"] == job["container"]
