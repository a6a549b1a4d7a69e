"""Pulls the endings of tracks from Pub/Sub and does something with each, once.

    python subscriber.py --project my-project --status completed --state endings.db

It makes its own subscription on topic track-events, filtered by attribute. One JSON line on stdout
for each ending; SIGTERM or Ctrl-C ends it when the work in hand is done. Needs
google-cloud-pubsub 2.x; PUBSUB_EMULATOR_HOST is honoured.
"""

import argparse
import json
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from google.api_core.exceptions import AlreadyExists
from google.cloud.pubsub_v1 import SubscriberClient
from google.cloud.pubsub_v1.subscriber.message import Message
from google.cloud.pubsub_v1.types import FlowControl
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import ExpirationPolicy, RetryPolicy, Subscription

Event = Mapping[str, Any]


class Seen:
    """What has been worked on, in a file: a message may come again after a restart, too."""

    def __init__(self, path: str) -> None:
        """Open the file, or make it."""
        self._database = sqlite3.connect(path, check_same_thread=False)
        self._lock = threading.Lock()
        self._database.execute("CREATE TABLE IF NOT EXISTS events (event_id TEXT PRIMARY KEY)")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS tracks (request_id TEXT PRIMARY KEY, sequence INTEGER)"
        )
        self._database.commit()

    def once(self, event: Event, work: Callable[[Event], None]) -> str:
        """Do *work* unless it was done, or later news are known; returns what was done.

        One at a time, and in one transaction: work that raises leaves no mark, so the message
        comes again. Work that writes to the same database would be exactly once.
        """
        event_id, request_id, sequence = event["event_id"], event["request_id"], event["sequence"]
        with self._lock, self._database as database:
            if database.execute("SELECT 1 FROM events WHERE event_id = ?", [event_id]).fetchone():
                return "duplicate"
            database.execute("INSERT INTO events VALUES (?)", [event_id])
            found = "SELECT 1 FROM tracks WHERE request_id = ? AND sequence > ?"
            if database.execute(found, [request_id, sequence]).fetchone():
                return "older than what is known"
            database.execute("REPLACE INTO tracks VALUES (?, ?)", [request_id, sequence])
            work(event)
        return "done"

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def work(event: Event) -> None:
    """Yours: here it prints the ending. May be repeated if the process dies in it."""
    files = [audio["uri"] for result in event["result"] for audio in result["audio"]]
    ending = {name: event[name] for name in ("event_id", "request_id", "run", "status")}
    print(json.dumps({**ending, "files": files}), flush=True)


def handle(message: Message, status: str, seen: Seen) -> None:
    """One message: acknowledged after the work, sent back when the work has failed."""
    # Looked at here as well: a subscription's filter cannot be changed later, and one that was
    # there before may have another, or none.
    if message.attributes.get("status") != status:
        say(f"skipped {message.attributes.get('ce-id')}: another status")
        message.ack()
        return
    try:
        outcome = seen.once(json.loads(message.data), work)
    except Exception as exc:  # noqa: BLE001 - whatever it is, the message has to come again
        say(f"failed {message.attributes.get('ce-id')}: {type(exc).__name__}")
        message.nack()
        return
    if outcome != "done":
        say(f"skipped {message.attributes.get('ce-id')}: {outcome}")
    message.ack()


def subscribe(subscriber: SubscriberClient, name: str, topic: str, status: str) -> None:
    """Make the subscription; one that exists is used as it is."""
    subscription = Subscription(
        name=name,
        topic=topic,
        filter=f'attributes.status = "{status}"',
        ack_deadline_seconds=60,
        expiration_policy=ExpirationPolicy(),  # never: an idle month must not lose what comes
        retry_policy=RetryPolicy(
            minimum_backoff=Duration(seconds=10), maximum_backoff=Duration(seconds=600)
        ),
    )
    try:
        subscriber.create_subscription(request=subscription)
    except AlreadyExists:
        say(f"using the subscription {name} as it is")


def run(options: argparse.Namespace) -> None:
    """Work until SIGTERM or Ctrl-C, then finish what is in hand."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    seen = Seen(options.state)
    with SubscriberClient() as subscriber:
        name = subscriber.subscription_path(options.project, options.subscription)
        topic = f"projects/{options.project}/topics/{options.topic}"
        subscribe(subscriber, name, topic, options.status)
        pulling = subscriber.subscribe(
            name,
            callback=lambda message: handle(message, options.status, seen),
            flow_control=FlowControl(max_messages=16),  # what waits here can go to nobody else
            await_callbacks_on_shutdown=True,
        )
        pulling.add_done_callback(lambda _: stop.set())
        say(f"pulling from {name}")
        stop.wait()
        pulling.cancel()
        pulling.result()  # waits for the work in hand; raises what has ended the stream
    seen.close()


def say(text: str) -> None:
    """For the log."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Read the command line and run."""
    summary, _, details = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = os.environ.get("GOOGLE_CLOUD_PROJECT")
    parser.add_argument("--project", default=default, required=not default)
    parser.add_argument("--topic", default="track-events")
    parser.add_argument("--subscription", default="my-completed-tracks")
    parser.add_argument(
        "--status", default="completed", choices=["completed", "failed", "cancelled", "expired"]
    )
    parser.add_argument("--state", default="endings.db", help="file that remembers what was done")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
