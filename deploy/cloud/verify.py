"""``python -m deploy.cloud.verify``: pass or fail, line by line; exit code 1 if any fails.

With ``--project`` the cloud, else the local stack that runs. It submits one track of two seconds,
which in the cloud costs one call of the model.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass

import requests
from google.auth.exceptions import GoogleAuthError

from deploy.cloud import bucket_checks, options, service_checks, track_checks
from deploy.cloud.bucket_checks import Check
from deploy.cloud.runner import CommandFailed, Runner
from deploy.cloud.world import Failed, World
from shared.errors import CommitUnclear, MotifError

_NOT_ANSWERED = (CommandFailed, requests.RequestException, OSError, MotifError, CommitUnclear)
_NOT_IN_THE_ANSWER = (LookupError, ValueError)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check found."""

    check: str
    passed: bool
    detail: str = ""

    def __str__(self) -> str:
        """One line."""
        return (
            f"{'pass' if self.passed else 'FAIL'}  {self.check}{self.detail and ': '}{self.detail}"
        )


def verify(world: World) -> Iterator[Verdict]:
    """Every check, one after the other; none stops the next."""
    for part in (bucket_checks, service_checks, track_checks):
        for check in part.checks(world):
            yield _verdict(check)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print all verdicts; end with 1 if one is a failure."""
    parser = options.parser("deploy.cloud.verify", __doc__, required=False)
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    asked = parser.parse_args(arguments)
    failed = total = 0
    try:
        with _world(asked) as world:
            for verdict in verify(world):
                total, failed = total + 1, failed + (not verdict.passed)
                print(json.dumps(asdict(verdict)) if asked.json else verdict, flush=True)
    except GoogleAuthError as exc:
        sys.exit(f"No credentials: gcloud auth application-default login ({type(exc).__name__})")
    print(f"{total - failed} passed, {failed} failed", file=sys.stderr)
    sys.exit(failed > 0)


def _verdict(check: Check) -> Verdict:
    name, look = check
    try:
        look()
    except Failed as exc:
        return Verdict(name, passed=False, detail=str(exc))
    except (*_NOT_ANSWERED, *_NOT_IN_THE_ANSWER) as exc:
        # What requests says may name a link with its signature.
        told = isinstance(exc, CommandFailed | MotifError | LookupError)
        lines = str(exc).splitlines() if told else []
        detail = " ".join([type(exc).__name__, *lines])
        return Verdict(name, passed=False, detail=detail)
    return Verdict(name, passed=True)


def _world(asked: argparse.Namespace) -> AbstractContextManager[World]:
    """The cloud or this machine; what each needs is loaded only for it."""
    if asked.project:
        from deploy.cloud.cloud_world import CloudWorld  # noqa: PLC0415 - loads Google's clients

        return CloudWorld.of(Runner(), options.cloud(asked))
    from deploy.cloud.local_world import LocalWorld  # noqa: PLC0415 - needs a local stack
    from deploy.local import background  # noqa: PLC0415
    from deploy.local.layout import state_folder  # noqa: PLC0415

    state = state_folder(os.environ)
    try:
        info = background.running(state)
    except background.NotRunning as exc:
        sys.exit(str(exc))
    return nullcontext(LocalWorld(info, lambda name: state / "logs" / f"{name}.log"))


if __name__ == "__main__":
    main()
