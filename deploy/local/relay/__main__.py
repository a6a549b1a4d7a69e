"""``python -m deploy.local.relay``: run the relay until SIGTERM."""

import argparse
import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, get_args

from deploy.local import keys
from deploy.local.faults import Faults
from deploy.local.http import serve
from deploy.local.relay.control import control
from deploy.local.relay.push import Mode, Pusher, Route
from deploy.local.relay.scheduler import SweepJob
from deploy.local.relay.spoil import ACTIONS, FIELDS
from deploy.local.relay.subscription import Subscription, names
from deploy.local.relay.tokens import Form, Tokens

_ROUTES: Final = {
    "requests": ("generator", "REQUESTS_TOPIC", "track-requests", "/events/requests"),
    "events": ("notifier", "EVENTS_TOPIC", "track-events", "/events/tracks"),
    "progress": ("notifier", "PROGRESS_TOPIC", "track-progress", "/events/tracks"),
}
"""Hop -> service, the variable that names the topic, its default, and the path pushed to."""
_SERVICES: Final = ("generator", "notifier")


def main(argv: Sequence[str] | None = None) -> None:
    """Push all topics and sweep both services; the settings are arguments and environment."""
    options = _options(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options.data.mkdir(parents=True, exist_ok=True)
    keys.ensure(options.keys)
    tokens = Tokens(keys.oidc(options.keys))
    faults = Faults(options.data, FIELDS, ACTIONS)
    pushers = [_pusher(options, hop, tokens, faults) for hop in _ROUTES]
    jobs = [_job(options, service, tokens, faults) for service in _SERVICES]
    running: list[Pusher | SweepJob] = [*pushers, *jobs]
    for one in running:
        one.start()
    try:
        serve(control(tokens, faults, jobs), options.port)
    finally:
        for one in running:
            one.stop()
        with ThreadPoolExecutor(len(pushers)) as pool:  # at once: each may take three seconds
            list(pool.map(Pusher.join, pushers))


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.relay", description=__doc__)
    parser.add_argument(
        "--port", type=int, required=True, help="of /certs, /token, /tick, /_faults"
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of faults.jsonl")
    parser.add_argument("--keys", type=Path, required=True, help="folder of the signing keys")
    parser.add_argument("--token-form", choices=get_args(Form), default="signed")
    for service in _SERVICES:
        parser.add_argument(f"--{service}", required=True, metavar="URL", help="its base URL")
        parser.add_argument(f"--{service}-audience", help="default: the base URL")
        parser.add_argument(f"--{service}-mode", choices=get_args(Mode), default="eventarc")
    return parser.parse_args(argv)


def _pusher(options: argparse.Namespace, hop: str, tokens: Tokens, faults: Faults) -> Pusher:
    service, variable, default, path = _ROUTES[hop]
    project = os.environ.get("GCP_PROJECT", "motif-local")
    source = Subscription(names(project, os.environ.get(variable, default)))
    base, audience = _target(options, service)
    route = Route(
        hop=hop,
        url=base + path,
        audience=audience,
        form=options.token_form,
        mode=getattr(options, f"{service}_mode"),
    )
    return Pusher(route, source, tokens, faults, _scale())


def _job(options: argparse.Namespace, service: str, tokens: Tokens, faults: Faults) -> SweepJob:
    base, audience = _target(options, service)
    return SweepJob(
        service,
        base,
        audience,
        tokens=tokens,
        form=options.token_form,
        faults=faults,
        scale=_scale(),
    )


def _target(options: argparse.Namespace, service: str) -> tuple[str, str]:
    base: str = getattr(options, service).rstrip("/")
    return base, getattr(options, f"{service}_audience") or base


def _scale() -> float:
    return float(os.environ.get("TIME_SCALE", "1"))


if __name__ == "__main__":
    main()
