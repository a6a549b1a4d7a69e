"""Phase 4: the subscriptions behind the triggers are Eventarc's; its defaults would lose work.

Eventarc makes them with an ack deadline of 10 s, no dead letters and a day of retention, and
Terraform knows neither these settings nor, before apply, their names.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from deploy.cloud.commands import command
from deploy.cloud.foundation import project_number
from deploy.cloud.names import TOPICS, Cloud, agent
from deploy.cloud.runner import Runner

_ROLE: Final = "roles/pubsub.subscriber"
_AGENT_HOST: Final = "gcp-sa-pubsub"
_MISSING: Final = "nothing"


class WrongSettings(RuntimeError):
    """A subscription was updated, and still is not what it has to be; the text says where."""


def wanted(project: str, topic: str) -> dict[str, Any]:
    """What a subscription behind a trigger has to be, as Pub/Sub's REST API writes it."""
    return {
        "ackDeadlineSeconds": 600,
        "retryPolicy": {"minimumBackoff": "10s", "maximumBackoff": "600s"},
        "deadLetterPolicy": {
            "deadLetterTopic": f"projects/{project}/topics/{topic}-dead",
            "maxDeliveryAttempts": 10,
        },
        "messageRetentionDuration": "604800s",
        "expirationPolicy": {},
    }


def differences(found: Mapping[str, Any], project: str, topic: str) -> list[str]:
    """What *found* has otherwise, one line each; no ``expirationPolicy`` at all is 31 days."""
    return [
        f"{name} is {found.get(name, _MISSING)}, not {value or 'without an end'}"
        for name, value in wanted(project, topic).items()
        if found.get(name) != value
    ]


def settle(runner: Runner, cloud: Cloud) -> None:
    """Bring all three to what they have to be, and read that back.

    Raises:
        CommandFailed: one of the commands.
        WrongSettings: what is read back is not what was written.
    """
    member = agent(project_number(runner, cloud), _AGENT_HOST)
    project = {"project": cloud.project}
    for topic in TOPICS:
        name = behind_trigger(runner, cloud, topic)
        runner.do(command("update subscription", subscription=name, topic=topic, **project))
        runner.do(command("grant subscription", subscription=name, member=member, **project))
        wrong = differences(described(runner, cloud, topic, name), cloud.project, topic)
        if not forwards(runner, cloud, name, member):
            wrong.append(f"{member} is no {_ROLE}: dead letters would stay")
        if wrong:
            raise WrongSettings(f"{name}: {'; '.join(wrong)}")


def behind_trigger(runner: Runner, cloud: Cloud, topic: str) -> str:
    """The id of the subscription that Eventarc made for *topic*. Raises CommandFailed."""
    trigger = command(
        "trigger", trigger=f"motif-{topic}", region=cloud.region, project=cloud.project
    )
    sample = f"projects/{cloud.project}/subscriptions/eventarc-{cloud.region}-motif-{topic}-sub-0"
    return runner.ask(trigger, sample=sample).rpartition("/")[2]


def described(runner: Runner, cloud: Cloud, topic: str, name: str) -> dict[str, Any]:
    """The subscription *name* as it is. Raises CommandFailed."""
    asked = command("subscription", subscription=name, project=cloud.project)
    found: dict[str, Any] = json.loads(
        runner.ask(asked, sample=json.dumps(wanted(cloud.project, topic)))
    )
    return found


def forwards(runner: Runner, cloud: Cloud, name: str, member: str) -> bool:
    """Whether Pub/Sub's *member* may take messages off it to the dead-letter topic."""
    asked = command("subscription policy", subscription=name, project=cloud.project)
    sample = json.dumps({"bindings": [{"role": _ROLE, "members": [member]}]})
    policy = json.loads(runner.ask(asked, sample=sample))
    return any(
        binding["role"] == _ROLE and member in binding["members"]
        for binding in policy.get("bindings", [])
    )


def may_forward(runner: Runner, cloud: Cloud, name: str) -> bool:
    """The same for the agent of this project. Raises CommandFailed."""
    member = agent(project_number(runner, cloud), _AGENT_HOST)
    return forwards(runner, cloud, name, member)
