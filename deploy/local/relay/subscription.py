"""One pull subscription of the Pub/Sub emulator, and the dead-letter topic behind it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc  # type: ignore[import-untyped]  # grpcio ships no types
from google import pubsub_v1
from google.api_core.exceptions import GoogleAPICallError
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from deploy.local.relay.message import Message

ACK_DEADLINE: Final = 600
"""Seconds until Pub/Sub takes back what a killed relay held."""
_RPC_SECONDS: Final = 5.0
_KEEP_SECONDS: Final = 1.0  # it is repeated, or the relay is about to end
# The emulator answers a second before this. It still hands messages to a pull whose client is
# gone, and they stay there for their ack deadline: never cancel one, and never wait long.
_PULL_SECONDS: Final = 2.0
_PULL_AT_ONCE: Final = 100
_CHANNEL: Final = (
    # A pull of large messages exceeds gRPC's 4 MB, and would never get any.
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


class PubSubUnavailable(Exception):
    """No answer, or no such subscription (yet): try again."""


@dataclass(frozen=True, slots=True)
class Names:
    """Full resource names of a subscription, its topic and its dead-letter topic."""

    subscription: str
    topic: str
    dead_topic: str


def names(project: str, topic: str) -> Names:
    """The resources that ``deploy.local.topology`` makes for *topic*."""
    topics = f"projects/{project}/topics/{topic}"
    return Names(f"projects/{project}/subscriptions/eventarc-{topic}", topics, f"{topics}-dead")


class Subscription:
    """Pull, acknowledge, keep, dead-letter: each may raise PubSubUnavailable. Thread-safe."""

    def __init__(self, names: Names) -> None:
        """Connect (lazily) to PUBSUB_EMULATOR_HOST."""
        self.names = names
        self._channel = grpc.insecure_channel(os.environ["PUBSUB_EMULATOR_HOST"], _CHANNEL)
        self._subscriber = pubsub_v1.SubscriberClient(
            transport=SubscriberGrpcTransport(channel=self._channel)
        )
        self._publisher = pubsub_v1.PublisherClient(
            transport=PublisherGrpcTransport(channel=self._channel)
        )

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def pull(self) -> list[tuple[str, Message]]:
        """Wait a second for messages, each with its ack id; often there are none."""
        answer = self._call(self._subscriber.pull, _PULL_SECONDS, max_messages=_PULL_AT_ONCE)
        return [(one.ack_id, _message(one.message)) for one in answer.received_messages]

    def acknowledge(self, ack_id: str) -> None:
        """The message is dealt with."""
        self._call(self._subscriber.acknowledge, ack_ids=[ack_id])

    def keep(self, ack_ids: Sequence[str], seconds: int = ACK_DEADLINE) -> None:
        """Hold messages for *seconds* more; 0 gives them back."""
        if ack_ids:
            self._call(
                self._subscriber.modify_ack_deadline,
                _KEEP_SECONDS,
                ack_ids=ack_ids,
                ack_deadline_seconds=seconds,
            )

    def dead_letter(self, message: Message, attempts: int) -> None:
        """Publish *message* to the dead-letter topic, as Pub/Sub does when it gives up."""
        _, project, _, subscription = self.names.subscription.split("/")
        attributes = {
            **message.attributes,
            "CloudPubSubDeadLetterSourceDeliveryCount": str(attempts),
            "CloudPubSubDeadLetterSourceSubscription": subscription,
            "CloudPubSubDeadLetterSourceSubscriptionProject": project,
            "CloudPubSubDeadLetterSourceTopicPublishTime": message.published,
        }
        dead = pubsub_v1.PubsubMessage(
            data=message.data, attributes=attributes, ordering_key=message.ordering_key
        )
        try:
            self._publisher.publish(
                topic=self.names.dead_topic, messages=[dead], retry=None, timeout=_RPC_SECONDS
            )
        except (GoogleAPICallError, ValueError) as exc:
            raise PubSubUnavailable(f"dead letter: {type(exc).__name__}") from exc

    def _call(self, method: Any, timeout: float = _RPC_SECONDS, **fields: Any) -> Any:
        try:
            return method(
                subscription=self.names.subscription, retry=None, timeout=timeout, **fields
            )
        except (GoogleAPICallError, ValueError) as exc:  # ValueError: the channel is closed
            raise PubSubUnavailable(f"{method.__name__}: {type(exc).__name__}") from exc


def _message(pulled: Any) -> Message:
    return Message(
        id=pulled.message_id,
        published=pulled.publish_time.rfc3339(),
        data=pulled.data,
        attributes=dict(pulled.attributes),
        ordering_key=pulled.ordering_key,
    )
