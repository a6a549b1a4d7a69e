"""checkov over ``deploy/terraform``; what is not followed says so beside it, with its reason."""

import json
from pathlib import Path
from typing import Any, Final

from deploy.checks.fault import Fault, refuse
from deploy.checks.module import FOLDER
from deploy.checks.tools import packaged, run, said

_QUIET: Final = {"LOG_LEVEL": "ERROR", "CHECKOV_RUN_SECRETS_SCAN_ALL_FILES": "false"}
_ARGUMENTS: Final = (
    *("--framework=terraform", "--output=json", "--skip-download", "--compact"),
    "--skip-path=/tests/",  # it cannot read all of them, and they make nothing
)


def check() -> str:
    """No policy is broken without a reason. Raises Fault."""
    done = run([packaged("checkov"), "--directory", FOLDER, *_ARGUMENTS], env=_QUIET)
    try:
        told: dict[str, Any] = json.loads(done.stdout)
        passed, skipped = told["summary"]["passed"], told["results"].get("skipped_checks", [])
    except (ValueError, KeyError, TypeError) as exc:
        raise Fault(said(done)[-3:], "checkov did not tell what it found.") from exc
    refuse(
        [f"{_place(one)}: {one['check_id']}: {one['check_name']}" for one in _failed(told)],
        "Follow it, or write `checkov:skip=ID:why` into the resource.",
    )
    bare = [_place(one) for one in skipped if not _reason(one)]
    refuse(bare, "Say why behind `checkov:skip=ID:`.")
    if not passed:
        raise Fault("nothing was checked", "checkov has to find deploy/terraform.")
    return f"{passed} policies hold, {len(skipped)} are skipped with a reason"


def _failed(told: dict[str, Any]) -> list[dict[str, Any]]:
    errors = [
        {"file_path": path, "resource": "", "check_id": "syntax", "check_name": "cannot be read"}
        for path in told["results"].get("parsing_errors", [])
    ]
    return [*told["results"]["failed_checks"], *errors]


def _place(one: dict[str, Any]) -> str:
    return f"{Path(one['file_path']).name}: {one['resource']}"


def _reason(one: dict[str, Any]) -> str:
    """Why it is skipped; checkov has a text of its own for those that do not say."""
    said = str(one["check_result"].get("suppress_comment") or "")
    return "" if said == "No comment provided" else said
