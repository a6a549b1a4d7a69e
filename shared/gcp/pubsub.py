"""Pub/Sub as a ``Publisher``: one message at a time, acknowledged before we go on."""

from collections.abc import Mapping
from typing import Any, Final

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.api_core.retry import Retry
from google.cloud.pubsub_v1 import PublisherClient
from google.pubsub_v1 import PublisherClient as PublisherApi
from google.pubsub_v1 import PublishRequest

from shared.errors import RetryableError
from shared.messages import Message, encode

_TIMEOUT = 5.0
_REQUEST: Final = PublishRequest.pb()


class PublishFailed(RetryableError):
    """No acknowledgement in time; the message may arrive all the same."""

    code = "publish_failed"


class TopicPublisher:
    """One topic; thread-safe. The document's ``wake_at`` is what repeats a lost publication."""

    def __init__(self, project: str, topic: str, *, timeout: float = _TIMEOUT) -> None:
        """Connect (lazily); PUBSUB_EMULATOR_HOST is honoured.

        *timeout*: seconds that one publication may take with all its repetitions.
        """
        self._patience: dict[str, Any] = {
            "retry": Retry(initial=0.1, timeout=timeout),
            "timeout": timeout,
        }
        self._client = PublisherClient()
        self._topic = f"projects/{project}/topics/{topic}"

    def close(self) -> None:
        """Close the channel."""
        self._client.transport.close()

    def publish(self, message: Message | bytes, attributes: Mapping[str, str]) -> None:
        """Publish one message and wait for its id; see ``Publisher``."""
        data = message if isinstance(message, bytes) else encode(message)
        # Made directly: the objects that the client would put around it take as long as the call.
        asked = _REQUEST(topic=self._topic, messages=[{"data": data, "attributes": attributes}])
        try:
            # Not the client's own publish: it makes batches, of which one refused message fails
            # the whole, and the next message, too, with an AssertionError.
            PublisherApi.publish(self._client, request=PublishRequest.wrap(asked), **self._patience)
        except (GoogleAPICallError, RetryError) as exc:
            raise PublishFailed(f"publish to {self._topic}: {type(exc).__name__}") from exc
