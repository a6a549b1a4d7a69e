"""``python -m deploy.local.resources``: makes the topology that the environment names.

A process of its own, so that the runner need not load Google's clients.
"""

import os

from deploy.local.topology import create_buckets, create_pubsub


def main() -> None:
    """Make topics, subscriptions and buckets; what exists is left alone."""
    env = os.environ
    project = env["GCP_PROJECT"]
    create_pubsub(project, requests=env["REQUESTS_TOPIC"], events=env["EVENTS_TOPIC"])
    create_buckets(project, env["INPUT_BUCKET"], env["OUTPUT_BUCKET"], region=env["GCP_REGION"])


if __name__ == "__main__":
    main()
