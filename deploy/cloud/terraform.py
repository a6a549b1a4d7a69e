"""Terraform over deploy/terraform: the variables it gets, and the one failure that is repeated."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from deploy.cloud.commands import command
from deploy.cloud.names import SERVICES, Cloud
from deploy.cloud.runner import CommandFailed, Runner

_AGENT: Final = "The Eventarc agent is"
_METRIC: Final = "A log-based metric is"
_TRIES: Final = {_AGENT: 6, _METRIC: 12}
"""Cloud Monitoring says itself that a metric may take ten minutes."""
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

        What a new project needs some minutes for is waited for: six tries for the Eventarc agent,
        twelve for metrics.

        Raises:
            CommandFailed: anything else, or still not.
        """
        arguments = [*command("apply"), *self._variables(images or {}, more or {})]
        arguments += [f"-target={target}" for target in targets]
        tries = Counter[str]()
        while True:
            try:
                return self._runner.do(arguments)
            except CommandFailed as exc:
                late = not_ready(exc.output)
                tries[late] += 1
                if not late or tries[late] == _TRIES[late]:
                    raise
                print(f"{late} not ready yet: again in {self._pause:.0f} s")
                time.sleep(self._pause)

    def destroy(self, images: Mapping[str, str]) -> None:
        """Remove everything in the state; *images* are those that run. Raises CommandFailed."""
        variables = self._variables(images, {"deletion_protection": "false"})
        self._runner.do([*command("terraform destroy"), *variables])

    def guarded(self) -> set[str]:
        """What is in the state and may not be deleted, each as TYPE.NAME. Raises CommandFailed."""
        return {f"{one['type']}.{one['name']}" for one in self._resources() if _guarded(one)}

    def keep_unfinished(self) -> None:
        """Mend, not replace, what was guarded before it was finished: it could not be deleted.

        A service whose first revision does not start is such a thing. Raises CommandFailed.
        """
        for one in self._resources():
            if _guarded(one) and one.get("tainted"):
                self._runner.do(command("untaint", address=one["address"]))

    def _resources(self) -> Iterator[Mapping[str, Any]]:
        """All there are in the state."""
        state = json.loads(self._runner.ask(command("state"), sample=_SAMPLE))
        for one in state.get("values", {}).get("root_module", {}).get("resources", []):
            if one["mode"] == "managed":
                yield one

    def _variables(self, images: Mapping[str, str], more: Mapping[str, str]) -> list[str]:
        named = {service: images.get(service) or self._none(service) for service in SERVICES}
        values = {"project": self._cloud.project, "region": self._cloud.region}
        values |= {"images": json.dumps(named, sort_keys=True), **more}
        file = [f"-var-file={self._var_file}"] if self._var_file else []
        return file + [f"-var={name}={value}" for name, value in values.items()]

    def _none(self, service: str) -> str:
        """What stands for an image where none is built or run: the variable is required."""
        return f"{self._cloud.repository}/{service}@{_NO_DIGEST}"


def _guarded(resource: Mapping[str, Any]) -> bool:
    values = resource["values"]
    return (
        values.get("deletion_protection") is True
        or values.get("delete_protection_state") == "DELETE_PROTECTION_ENABLED"
        or values.get("force_destroy") is False
    )


def not_ready(output: str) -> str:
    """What Terraform failed for that is there in some minutes by itself; empty: nothing."""
    if "Error 400" in output and "Eventarc Service Agent" in output:
        return _AGENT  # its role has not arrived everywhere
    # Cloud Monitoring hears of a log-based metric up to ten minutes after it was made.
    return _METRIC if any(text in output for text in _NEW_METRIC) else ""


_NEW_METRIC: Final = (
    "The metric referenced by the provided filter is unknown",
    "could take up to 10 minutes to become available",
)
_SAMPLE: Final = json.dumps(
    {
        "values": {
            "root_module": {
                "resources": [
                    {
                        "address": "google_cloud_run_v2_service.ingest",
                        "mode": "managed",
                        "type": "google_cloud_run_v2_service",
                        "name": "ingest",
                        "values": {"deletion_protection": True},
                    }
                ]
            }
        }
    }
)
