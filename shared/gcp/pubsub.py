"""Pub/Sub as a ``Publisher``: one message at a time, acknowledged before we go on."""

from collections.abc import Mapping
from concurrent.futures import TimeoutError as FutureTimeout

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.api_core.retry import Retry
from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.pubsub_v1.types import BatchSettings, PublisherOptions

from shared.errors import RetryableError
from shared.messages import Message, encode

_TIMEOUT = 5.0


class PublishFailed(RetryableError):
    """No acknowledgement in time; the message may arrive all the same."""

    code = "publish_failed"


class TopicPublisher:
    """One topic; thread-safe. The document's ``wake_at`` is what repeats a lost publication."""

    def __init__(self, project: str, topic: str) -> None:
        """Connect (lazily); PUBSUB_EMULATOR_HOST is honoured."""
        # One refused message fails its whole batch, and a batch waits 10 ms: send each alone.
        self._client = PublisherClient(
            batch_settings=BatchSettings(max_messages=1),
            publisher_options=PublisherOptions(
                retry=Retry(initial=0.1, timeout=_TIMEOUT), timeout=_TIMEOUT
            ),
        )
        self._topic = f"projects/{project}/topics/{topic}"

    def close(self) -> None:
        """Flush and close the channel."""
        self._client.stop()
        self._client.transport.close()

    def publish(self, message: Message | bytes, attributes: Mapping[str, str]) -> None:
        """Publish one message and wait for its id; see ``Publisher``."""
        data = message if isinstance(message, bytes) else encode(message)
        try:
            self._client.publish(self._topic, data, **attributes).result(timeout=_TIMEOUT)
        except (GoogleAPICallError, RetryError, FutureTimeout) as exc:
            raise PublishFailed(f"publish to {self._topic}: {type(exc).__name__}") from exc
