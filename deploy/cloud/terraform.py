"""Terraform over deploy/terraform: the variables it gets, and the one failure that is repeated."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Final

from deploy.cloud.commands import command
from deploy.cloud.names import SERVICES, Cloud
from deploy.cloud.runner import CommandFailed, Runner

_TIMES: Final = 6
_PAUSE: Final = 60.0
_NO_DIGEST: Final = "sha256:" + "0" * 64


class Terraform:
    """One root module with one state."""

    def __init__(
        self, runner: Runner, cloud: Cloud, *, var_file: str = "", pause: float = _PAUSE
    ) -> None:
        """*var_file*: further variables; *pause*: seconds between two tries."""
        self._runner = runner
        self._cloud = cloud
        self._var_file = var_file
        self._pause = pause

    def init(self) -> None:
        """Point it at the state in the project's own bucket. Raises CommandFailed."""
        self._runner.do(command("init", bucket=self._cloud.state_bucket))

    def apply(
        self,
        images: Mapping[str, str] | None = None,
        *,
        targets: Sequence[str] = (),
        more: Mapping[str, str] | None = None,
    ) -> None:
        """Bring *targets* (all) about; *images*: service -> reference with its digest.

        A new project's Eventarc agent is refused for some minutes: that is tried six times.

        Raises:
            CommandFailed: anything else, or still not.
        """
        arguments = [*command("apply"), *self._variables(images or {}, more or {})]
        arguments += [f"-target={target}" for target in targets]
        for left in reversed(range(_TIMES)):
            try:
                return self._runner.do(arguments)
            except CommandFailed as exc:
                if not left or not agent_is_new(exc.output):
                    raise
                print(f"The Eventarc agent is not ready yet: again in {self._pause:.0f} s")
                time.sleep(self._pause)
        return None

    def destroy(self, images: Mapping[str, str]) -> None:
        """Remove everything in the state; *images* are those that run. Raises CommandFailed."""
        variables = self._variables(images, {"deletion_protection": "false"})
        self._runner.do([*command("terraform destroy"), *variables])

    def _variables(self, images: Mapping[str, str], more: Mapping[str, str]) -> list[str]:
        named = {service: images.get(service) or self._none(service) for service in SERVICES}
        values = {"project": self._cloud.project, "region": self._cloud.region}
        values |= {"images": json.dumps(named, sort_keys=True), **more}
        file = [f"-var-file={self._var_file}"] if self._var_file else []
        return file + [f"-var={name}={value}" for name, value in values.items()]

    def _none(self, service: str) -> str:
        """What stands for an image where none is built or run: the variable is required."""
        return f"{self._cloud.repository}/{service}@{_NO_DIGEST}"


def agent_is_new(output: str) -> bool:
    """Whether Terraform failed because the Eventarc agent's role has not arrived everywhere."""
    return "Error 400" in output and "Eventarc Service Agent" in output
