"""Topics, schemas, subscriptions and buckets of the local project, as terraform makes them."""

from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Final, Self

from google.api_core.exceptions import AlreadyExists, Conflict
from google.cloud.pubsub_v1 import PublisherClient, SchemaServiceClient, SubscriberClient
from google.cloud.storage import Bucket, Client
from google.pubsub_v1 import Encoding, Schema

from shared.gcp.storage import storage_client

REQUESTS: Final = "track-requests"
EVENTS: Final = "track-events"
PROGRESS: Final = "track-progress"
SCHEMAS: Final = Path(__file__).parents[1] / "schemas"
_ACK_DEADLINE: Final = 600
_RETENTION: Final = timedelta(days=7)
_CLIP_DAYS: Final = 7
_IMAGE_DAYS: Final = 1


def create_pubsub(
    project: str,
    *,
    requests: str = REQUESTS,
    events: str = EVENTS,
    progress: str = PROGRESS,
    schemas: Path = SCHEMAS,
) -> None:
    """Make what is missing in the emulator; safe to repeat.

    Each topic has the subscription that the relay drains (``eventarc-TOPIC``) and a dead-letter
    topic (``TOPIC-dead``) with its own (``TOPIC-dead-sub``); ``EVENTS-tap`` sees all events.
    """
    with _Admin(project) as admin:
        for topic, schema in ((requests, REQUESTS), (events, EVENTS), (progress, PROGRESS)):
            admin.schema(topic, (schemas / f"{schema}.avsc").read_text())
            admin.topic(topic, schema=topic)
            admin.topic(f"{topic}-dead")
            admin.subscription(f"eventarc-{topic}", topic)
            admin.subscription(f"{topic}-dead-sub", f"{topic}-dead")
        admin.subscription(f"{events}-tap", events)


def create_buckets(project: str, prompts: str, output: str, *, region: str = "us-central1") -> None:
    """Make both buckets with their settings, or set these anew; safe to repeat."""
    with closing(storage_client(project)) as client:
        bucket = _bucket(client, prompts)
        bucket.add_lifecycle_delete_rule(age=_IMAGE_DAYS, matches_prefix=["images/"])
        _create(bucket, region)
        bucket = _bucket(client, output)
        bucket.add_lifecycle_set_storage_class_rule("NEARLINE", age=30)
        bucket.add_lifecycle_set_storage_class_rule("COLDLINE", age=90)
        bucket.add_lifecycle_delete_rule(age=_CLIP_DAYS, matches_prefix=["clips/"])
        bucket.add_lifecycle_delete_rule(
            days_since_noncurrent_time=_CLIP_DAYS, matches_prefix=["clips/"]
        )
        bucket.cors = [
            {
                "origin": ["*"],
                "method": ["GET", "HEAD"],
                "responseHeader": [
                    *("Content-Type", "Content-Length", "Content-Range", "ETag"),
                    *("Range", "If-None-Match"),
                ],
                "maxAgeSeconds": 3600,
            }
        ]
        _create(bucket, region)


class _Admin:
    """Makes resources of one project; what exists stays as it is."""

    def __init__(self, project: str) -> None:
        self._project = f"projects/{project}"
        self._publisher = PublisherClient()
        self._subscriber = SubscriberClient()
        self._schemas = SchemaServiceClient()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in (self._publisher, self._subscriber, self._schemas):
            client.transport.close()

    def schema(self, name: str, definition: str) -> None:
        schema = Schema(type_=Schema.Type.AVRO, definition=definition)
        with suppress(AlreadyExists):
            self._schemas.create_schema(parent=self._project, schema=schema, schema_id=name)

    def topic(self, name: str, schema: str = "") -> None:
        request: dict[str, object] = {"name": f"{self._project}/topics/{name}"}
        if schema:
            request["schema_settings"] = {
                "schema": f"{self._project}/schemas/{schema}",
                "encoding": Encoding.JSON,
            }
        with suppress(AlreadyExists):
            self._publisher.create_topic(request=request)

    def subscription(self, name: str, topic: str) -> None:
        with suppress(AlreadyExists):
            self._subscriber.create_subscription(
                request={
                    "name": f"{self._project}/subscriptions/{name}",
                    "topic": f"{self._project}/topics/{topic}",
                    "ack_deadline_seconds": _ACK_DEADLINE,
                    "message_retention_duration": _RETENTION,
                    "expiration_policy": {},  # without one: after 31 idle days
                }
            )


def _bucket(client: Client, name: str) -> Bucket:
    bucket = client.bucket(name)
    bucket.versioning_enabled = True
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.iam_configuration.public_access_prevention = "enforced"
    return bucket


def _create(bucket: Bucket, region: str) -> None:
    try:
        bucket.create(location=region)
    except Conflict:
        bucket.patch()
