"""Topics as a test sees them: publish a track, see what is left in a subscription."""

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1 import PubsubMessage

from shared.messages import TrackRequest, TrackRequested, encode, request_attributes


def fresh_project() -> str:
    """A project id that nobody else uses."""
    return f"t-{secrets.token_hex(6)}"


def track_requested(request_id: str) -> TrackRequested:
    """A valid command."""
    now = datetime.now(UTC)
    return TrackRequested(
        request_id=request_id,
        tenant="local",
        run=1,
        sequence=0,
        requested_at=now,
        deadline=now + timedelta(days=1),
        request=TrackRequest(prompt="a slow waltz for two clarinets", duration_seconds=30),
    )


class Topics:
    """Publisher and subscriber of one project."""

    def __init__(self, project: str) -> None:
        self.project = project
        self._publisher = PublisherClient()
        self._subscriber = SubscriberClient()

    def close(self) -> None:
        self._publisher.transport.close()
        self._subscriber.close()

    def publish(self, topic: str, data: bytes, attributes: dict[str, str]) -> str:
        """Publish one message; return its id."""
        name = f"projects/{self.project}/topics/{topic}"
        future = self._publisher.publish(name, data, **attributes)
        message_id: str = future.result(timeout=10)
        return message_id

    def request_track(self, request_id: str) -> TrackRequested:
        """Publish a command on ``track-requests``; return it."""
        message = track_requested(request_id)
        self.publish("track-requests", encode(message), request_attributes(message, "tests"))
        return message

    def pull(self, subscription: str) -> list[PubsubMessage]:
        """Wait for messages and acknowledge them."""
        name = f"projects/{self.project}/subscriptions/{subscription}"
        pulled = self._subscriber.pull(
            subscription=name, max_messages=100, timeout=30
        ).received_messages
        if pulled:
            self._subscriber.acknowledge(subscription=name, ack_ids=[one.ack_id for one in pulled])
        return [one.message for one in pulled]


@contextmanager
def topics(project: str) -> Iterator[Topics]:
    with closing(Topics(project)) as opened:
        yield opened
