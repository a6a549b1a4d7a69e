"""``python -m deploy.local.resources``: makes the topology that the environment names.

A process of its own, so that the runner need not load Google's clients, and so that they are
loaded while the emulators come up.
"""

import os
import time
from typing import Final

import requests

from deploy.local.topology import create_buckets, create_pubsub

_POLL_SECONDS: Final = 0.05
_SECONDS: Final = 60


def main() -> None:
    """Make topics, subscriptions and buckets once Pub/Sub and Cloud Storage answer."""
    env = os.environ
    project = env["GCP_PROJECT"]
    _await(f"http://{env['PUBSUB_EMULATOR_HOST']}")
    create_pubsub(
        project,
        requests=env["REQUESTS_TOPIC"],
        events=env["EVENTS_TOPIC"],
        progress=env["PROGRESS_TOPIC"],
    )
    _await(env["STORAGE_EMULATOR_HOST"])
    create_buckets(project, env["INPUT_BUCKET"], env["OUTPUT_BUCKET"], region=env["GCP_REGION"])


def _await(url: str) -> None:
    end = time.monotonic() + _SECONDS
    while True:
        try:
            requests.get(url, timeout=1).raise_for_status()
        except requests.RequestException:
            if time.monotonic() > end:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return


if __name__ == "__main__":
    main()
