"""The keys of motif-cdn-keys on the backend bucket: Terraform would write them into its state."""

import base64

from deploy.cloud.commands import command
from deploy.cloud.names import Cloud
from deploy.cloud.runner import Runner
from shared import cdn

BACKEND = "motif-output"


def add(runner: Runner, cloud: Cloud) -> None:
    """Put on what is not there yet: a key has to be known here before anybody signs with it.

    Raises:
        CommandFailed: one of the commands.
        ValueError: the secret holds what is no key; the text never holds one.
    """
    there = _there(runner, cloud)
    if there is None:
        return  # no domain, no Cloud CDN
    for key in _keys(runner, cloud):
        if key.name not in there:
            text = base64.urlsafe_b64encode(key.secret).decode()
            runner.do(_command("add cdn key", cloud, key.name), stdin=text)


def drop(runner: Runner, cloud: Cloud) -> None:
    """Take off what the secret no longer holds. Raises as ``add``."""
    there = _there(runner, cloud)
    if there:
        names = {key.name for key in _keys(runner, cloud)}
        for name in sorted(there - names):
            runner.do(_command("delete cdn key", cloud, name))


def _there(runner: Runner, cloud: Cloud) -> set[str] | None:
    """Names of the keys on the backend bucket; None where there is none."""
    asked = command("cdn keys", backend=BACKEND, project=cloud.project)
    found = runner.asked(asked, sample="key-0")
    return None if found is None else {*found.replace(";", " ").split()}


def _keys(runner: Runner, cloud: Cloud) -> tuple[cdn.Key, ...]:
    asked = command("secret", secret=cloud.service("cdn-keys"), project=cloud.project)
    return cdn.read_keys(runner.ask(asked, sample="key-1:AAAAAAAAAAAAAAAAAAAAAA=="))


def _command(name: str, cloud: Cloud, key: str) -> list[str]:
    return command(name, backend=BACKEND, key=key, project=cloud.project)
