"""``terraform init``, ``validate``, ``test`` and ``plan -destroy``, on a copy.

With whatever ``TF_CLI_CONFIG_FILE`` the caller has set. Nothing is applied: the tests mock the
provider, and what is planned to be destroyed is what one of them has made.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from deploy.checks.fault import Fault, refuse
from deploy.checks.tools import ROOT, run, said

_LOCAL: Final = 'terraform {\n  backend "local" {}\n}\n'
_NOT_OURS: Final = {
    # No account is asked: whatever the machine has stays unused.
    "GOOGLE_OAUTH_ACCESS_TOKEN": "none",
    "TF_IN_AUTOMATION": "1",
    "CHECKPOINT_DISABLE": "1",
}
_WELL: Final = ("... pass", "... in progress", "... tearing down", "... skip")
_NAMES: Final = ("ingest", "generator", "notifier")
_WHOLE: Final = """
mock_provider "google" {{
  mock_data "google_project" {{
    defaults = {{ number = "123456789012" }}
  }}
}}
run "whole" {{
  variables {{
{inside}
  }}
}}
"""
_VARIABLES: Final[Mapping[str, Any]] = {
    "project": "my-project",
    "domain": "motif.example.com",
    "audio_delivery": "cdn",
    "alert_email": "operator@example.com",
    "deletion_protection": False,
    "images": {name: f"my-registry/{name}@sha256:{'0' * 64}" for name in _NAMES},
}


def valid() -> str:
    """The module can be read against its provider's schema. Raises Fault."""
    with _copy() as module:
        _do(module, "validate")
    return "init and validate"


def tested() -> str:
    """``terraform test`` is green. Raises Fault."""
    with _copy() as module:
        lines = _do(module, "test")
    summary = next((line for line in lines if line.startswith("Success!")), "")
    if not summary or summary.startswith("Success! 0 "):
        raise Fault(summary or lines[-1], "There have to be tests in deploy/terraform/tests.")
    return summary.removeprefix("Success! ")


def destroyed() -> str:
    """``plan -destroy`` takes away every resource that the module can make. Raises Fault."""
    with _copy() as module:
        made = _made(module)
        (module / "terraform.tfstate").write_text(json.dumps(_state(made)))
        (module / "whole.auto.tfvars.json").write_text(json.dumps(_VARIABLES))
        arguments = "-destroy", "-refresh=false", "-input=false", "-out=plan"
        _do(module, "plan", *arguments)
        (shown,) = _do(module, "show", "-json", "plan")
        changes = json.loads(shown)["resource_changes"]
        gone = {one["address"] for one in changes if one["change"]["actions"] == ["delete"]}
        named = set(_resources(module))
    refuse(
        [f"{address} would be left" for address in sorted({one["address"] for one in made} - gone)]
        + [f"{name} is never made" for name in sorted(named - {_plain(one) for one in gone})],
        "plan -destroy has to cover every resource: see deploy/checks/terraform.py.",
    )
    return f"{len(gone)} instances of {len(named)} resources"


@contextmanager
def _copy() -> Iterator[Path]:
    """The module, initialised, with a state of its own, beside what it reads."""
    with tempfile.TemporaryDirectory() as folder:
        deploy = Path(folder) / "deploy"
        leave = shutil.ignore_patterns(".terraform*", "*.tfstate*", "__pycache__", "local")
        shutil.copytree(ROOT / "deploy", deploy, ignore=leave)
        module = deploy / "terraform"
        (module / "local_override.tf").write_text(_LOCAL)
        done = run(["terraform", "init", "-input=false", "-no-color"], cwd=module, env=_NOT_OURS)
        if done.returncode:
            why = next((line for line in said(done) if "rror" in line), "terraform init failed")
            raise Fault(
                f"no provider hashicorp/google: {why.strip('│ ')}",
                "Let terraform reach its registry, or set TF_CLI_CONFIG_FILE to a mirror.",
            )
        yield module


def _do(module: Path, command: str, *arguments: str) -> list[str]:
    done = run(
        ["terraform", command, *arguments, *(["-no-color"] if command != "show" else [])],
        cwd=module,
        env=_NOT_OURS,
        seconds=1800,
    )
    if done.returncode:
        told = [line.strip("│╷╵ ") for line in said(done)]
        wrong = [line for line in told if line and not line.endswith(_WELL)]
        raise Fault(wrong, f"Correct deploy/terraform; terraform {command} tells more.")
    return said(done)


def _made(module: Path) -> list[dict[str, Any]]:
    """Every resource, as a mocked provider has made it with all that is optional."""
    inside = "\n".join(f"    {name} = {json.dumps(it)}" for name, it in _VARIABLES.items())
    (module / "tests" / "whole.tftest.hcl").write_text(_WHOLE.format(inside=inside))
    lines = _do(module, "test", "-filter=tests/whole.tftest.hcl", "-verbose", "-json")
    told = [json.loads(line) for line in lines if line.startswith("{")]
    (state,) = [one["test_state"] for one in told if one["type"] == "test_state"]
    resources: list[dict[str, Any]] = state["root_module"]["resources"]
    return [one for one in resources if one["mode"] == "managed"]


def _state(made: list[dict[str, Any]]) -> dict[str, Any]:
    """What has been made as a file of state; one instance for each index."""
    whole: dict[str, dict[str, Any]] = {}
    for one in made:
        resource = whole.setdefault(
            _plain(one["address"]),
            {
                "mode": "managed",
                "type": one["type"],
                "name": one["name"],
                "provider": f'provider["{one["provider_name"]}"]',
                "instances": [],
            },
        )
        instance = {"schema_version": one["schema_version"], "attributes": one["values"]}
        if "index" in one:
            instance["index_key"] = one["index"]
        resource["instances"].append(instance)
    return {"version": 4, "serial": 1, "lineage": "check", "resources": list(whole.values())}


def _resources(module: Path) -> Iterator[str]:
    for path in module.glob("*.tf"):
        for kind, name in re.findall(r'^resource "(\w+)" "(\w+)"', path.read_text(), re.MULTILINE):
            yield f"{kind}.{name}"


def _plain(address: str) -> str:
    return address.partition("[")[0]
