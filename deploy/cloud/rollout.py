"""``python -m deploy.cloud.rollout --project P --tag T``: a new version takes over step by step.

Revisions without traffic, a smoke test, a tenth of the traffic for a while, then all of it; at the
first failure all traffic goes back to what served before. Needs only Python and gcloud.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from deploy.cloud import images, options
from deploy.cloud.commands import command
from deploy.cloud.names import SERVICES, Cloud
from deploy.cloud.runner import CommandFailed, Runner
from deploy.cloud.smoke import PAUSE, SmokeFailed, smoke

_SHARE: Final = 10
_WATCH: Final = 180.0
_ALL: Final = 100


class Unwell(RuntimeError):
    """The new version has logged errors while it had a tenth of the traffic."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Roll out the images of a tag; what can be expected to fail ends with one message."""
    parser = options.parser("deploy.cloud.rollout", __doc__)
    parser.add_argument("--tag", required=True, help="of the images")
    parser.add_argument("--watch", type=float, default=_WATCH, help="seconds with a tenth")
    asked = parser.parse_args(arguments)
    cloud, runner = options.cloud(asked), Runner(dry=asked.dry_run)
    try:
        Rollout(runner, cloud, asked.watch).run(images.digests(runner, cloud, asked.tag))
    except (CommandFailed, SmokeFailed, Unwell) as exc:
        sys.exit(f"Rolled back: {exc}")
    except NotRolledBack as exc:
        sys.exit(f"NOT rolled back: {exc}")


class NotRolledBack(RuntimeError):
    """Some traffic still goes to a version that has failed; the text says what to do."""


class Rollout:
    """One new version of all services."""

    def __init__(self, runner: Runner, cloud: Cloud, watch: float, *, pause: float = PAUSE) -> None:
        """*watch*: seconds with a tenth of the traffic; *pause*: between two smoke tests."""
        self._runner, self._cloud, self._watch, self._pause = runner, cloud, watch, pause
        self._before: dict[str, str] = {}
        self._new: dict[str, str] = {}

    def run(self, images: Mapping[str, str]) -> None:
        """Bring *images* (service -> reference by digest) to all traffic.

        Raises:
            CommandFailed, SmokeFailed, Unwell: all traffic is where it was before.
            NotRolledBack: not all of it.
        """
        for service in SERVICES:
            self._before[service] = serving(self._described(service))
        try:
            self._try_out(images)
        except BaseException:
            self._back()
            raise

    def _try_out(self, images: Mapping[str, str]) -> None:
        for service in SERVICES:
            self._do("candidate", service, image=images[service])
            self._new[service] = self._described(service)["status"]["latestReadyRevisionName"]
        if not self._runner.dry:
            smoke(candidate_url(self._described("ingest")), pause=self._pause)
        for service in SERVICES:
            old, new = self._before[service], self._new[service]
            shares = f"{old}={_ALL - _SHARE},{new}={_SHARE}"
            self._do("shift", service, shares=shares)
        if not self._runner.dry:
            time.sleep(self._watch)
        for service in SERVICES:
            self._well(service)
        for service in SERVICES:
            self._do("to latest", service)

    def _well(self, service: str) -> None:
        asked = command("revision errors", revision=self._new[service], project=self._cloud.project)
        if found := json.loads(self._runner.ask(asked, sample="[]")):
            raise Unwell(f"{self._new[service]} has logged {len(found)} errors or more")

    def _back(self) -> None:
        """Every service, whatever becomes of the others; nothing is a candidate any more.

        Raises:
            NotRolledBack: some could not be brought back.
        """
        stuck = []
        for service, revision in self._before.items():
            try:
                self._do("back", service, shares=f"{revision}={_ALL}")
            except CommandFailed:
                stuck.append(f"{service} to {revision}")
        if stuck:
            raise NotRolledBack(f"bring back by hand: {', '.join(stuck)}")

    def _do(self, name: str, service: str, **fields: str) -> None:
        place = {"region": self._cloud.region, "project": self._cloud.project}
        self._runner.do(command(name, service=self._cloud.service(service), **place, **fields))

    def _described(self, service: str) -> dict[str, Any]:
        place = {"region": self._cloud.region, "project": self._cloud.project}
        asked = command("service", service=self._cloud.service(service), **place)
        found: dict[str, Any] = json.loads(self._runner.ask(asked, sample=_SAMPLE))
        return found


def serving(service: Mapping[str, Any]) -> str:
    """The revision with most of the traffic."""
    traffic = service["status"]["traffic"]
    found: str = max(traffic, key=lambda one: one.get("percent", 0))["revisionName"]
    return found


def candidate_url(service: Mapping[str, Any]) -> str:
    """Where the revision without traffic is reached. Raises SmokeFailed if it is nowhere."""
    for one in service["status"]["traffic"]:
        if one.get("tag") == "candidate":
            url: str = one["url"]
            return url
    raise SmokeFailed("no revision has the tag candidate")


_SAMPLE: Final = json.dumps(
    {
        "status": {
            "traffic": [{"revisionName": "a-revision", "percent": _ALL}],
            "latestReadyRevisionName": "a-new-revision",
        }
    }
)

if __name__ == "__main__":
    main()
