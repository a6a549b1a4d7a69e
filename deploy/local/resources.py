"""``python -m deploy.local.resources``: makes the topology that the environment names.

A process of its own, so that the runner need not load Google's clients, and so that they are
loaded while the emulators come up.
"""

import os
import time
from contextlib import closing
from typing import Final

import requests

from deploy.local.layout import API_KEY
from deploy.local.topology import create_buckets, create_pubsub
from services.ingest.config import LOCAL_TENANT
from services.ingest.identity.keys import NewKey, key_id_of
from services.ingest.identity.registry import Registry
from shared.gcp.firestore import FirestoreStore

_POLL_SECONDS: Final = 0.05
_SECONDS: Final = 60


def main() -> None:
    """Make topics, subscriptions, buckets and a key once what holds them answers."""
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
    if API_KEY in env:
        _await(f"http://{env['FIRESTORE_EMULATOR_HOST']}")
        _add_key(
            FirestoreStore(project, env.get("FIRESTORE_DATABASE") or "(default)"), env[API_KEY]
        )


def _add_key(store: FirestoreStore, text: str) -> None:
    with closing(store):
        key = NewKey(key_id=key_id_of(text), text=text)
        Registry(store).add_key(LOCAL_TENANT, key, {})


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
