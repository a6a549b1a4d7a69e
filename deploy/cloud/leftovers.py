"""What of Motif a project still holds."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from deploy.cloud import monitors
from deploy.cloud.commands import command
from deploy.cloud.names import Cloud
from deploy.cloud.runner import CommandFailed, Runner

KINDS: Final = (
    *("services", "triggers", "topics", "schemas", "subscriptions", "buckets", "secrets"),
    *("images", "databases", "jobs", "accounts", "metrics", "dashboards"),
)
_OF_COMPUTE: Final = ("addresses", "backends")
"""Can be listed only where the load balancer's API is on."""
_MEMBER: Final = r"(deleted:)?serviceAccount:motif-[a-z]+@{}\.iam\.gserviceaccount\.com(\?uid=\d+)?"


def left(runner: Runner, cloud: Cloud, kind: str) -> list[str]:
    """Names of one kind. Raises CommandFailed."""
    asked = command(f"left {kind}", project=cloud.project, region=cloud.region)
    return runner.ask(asked, sample=f"a-{kind.removesuffix('s')}").split()


def everything(runner: Runner, cloud: Cloud) -> list[str]:
    """Lines that name what is left; what could not be looked at counts as left."""
    lines = []
    compute = runner.ask(command("compute", project=cloud.project), sample="compute")
    for kind in (*KINDS, *(_OF_COMPUTE if compute else ())):
        try:
            lines += [f"{kind}: {name}" for name in left(runner, cloud, kind)]
        except CommandFailed as exc:
            lines.append(f"{kind}: could not be listed ({exc.output.strip()[:200]})")
    lines += monitors.left(runner, cloud)
    return lines + [f"binding: {member} {role}" for member, role in bindings(runner, cloud)]


def bindings(runner: Runner, cloud: Cloud) -> list[tuple[str, str]]:
    """Our accounts in the project's policy, deleted ones too, each with its role.

    Raises:
        CommandFailed: the policy cannot be read.
    """
    sample = json.dumps({"bindings": []})
    policy = json.loads(runner.ask(command("policy", project=cloud.project), sample=sample))
    return sorted(ours(policy, cloud.project))


def ours(policy: Mapping[str, Any], project: str) -> set[tuple[str, str]]:
    """Member and role of each binding of one of our accounts."""
    member = re.compile(_MEMBER.format(re.escape(project)))
    return {
        (one, binding["role"])
        for binding in policy.get("bindings", [])
        for one in binding["members"]
        if member.fullmatch(one)
    }
