"""The local project's resources, in the real emulator and our Cloud Storage."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from google.api_core.exceptions import InvalidArgument
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from deploy.local.topology import create_buckets, create_pubsub
from shared.gcp.storage import storage_client
from shared.messages import encode
from tests.support.topics import Topics, topics, track_requested


@pytest.fixture
def opened(project: str) -> Iterator[Topics]:
    create_pubsub(project)
    create_pubsub(project)
    with topics(project) as connected:
        yield connected


def test_twice_makes_the_same_topics_once(opened: Topics) -> None:
    publisher = PublisherClient()
    found = publisher.list_topics(project=f"projects/{opened.project}")
    names = sorted(topic.name.rpartition("/")[2] for topic in found)
    publisher.transport.close()
    topics = ("track-events", "track-progress", "track-requests")
    assert names == sorted([*topics, *(f"{topic}-dead" for topic in topics)])


def test_every_subscription_listens_to_its_topic(opened: Topics) -> None:
    with SubscriberClient() as subscriber:
        found = list(subscriber.list_subscriptions(project=f"projects/{opened.project}"))
    assert {s.ack_deadline_seconds for s in found} == {600}
    assert {s.name.rpartition("/")[2]: s.topic.rpartition("/")[2] for s in found} == {
        "eventarc-track-requests": "track-requests",
        "eventarc-track-events": "track-events",
        "eventarc-track-progress": "track-progress",
        "track-requests-dead-sub": "track-requests-dead",
        "track-events-dead-sub": "track-events-dead",
        "track-progress-dead-sub": "track-progress-dead",
        "track-events-tap": "track-events",
    }


def test_a_topic_refuses_what_its_schema_does_not_know(opened: Topics) -> None:
    for bad in (b"not json", b"{}", encode(track_requested("x")).replace(b'"run":1', b'"run":"1"')):
        with pytest.raises(InvalidArgument):
            opened.publish("track-requests", bad, {})
    opened.publish("track-requests", encode(track_requested("x")), {})
    opened.publish("track-requests-dead", b"not json", {})


def test_buckets_have_the_settings_of_the_cloud(storage: str, project: str) -> None:
    prompts, output = f"{project}-prompts", f"{project}-output"
    for _ in range(2):
        create_buckets(project, prompts, output)
    with closing(storage_client(project)) as client:
        for bucket in (client.get_bucket(prompts), client.get_bucket(output)):
            assert bucket.versioning_enabled
            assert bucket.iam_configuration.uniform_bucket_level_access_enabled
            assert bucket.iam_configuration.public_access_prevention == "enforced"
        bucket = client.get_bucket(output)
        assert bucket.cors[0]["method"] == ["GET", "HEAD"]
        rules = [(rule["action"], rule["condition"]) for rule in bucket.lifecycle_rules]
    assert rules == [
        ({"type": "SetStorageClass", "storageClass": "NEARLINE"}, {"age": 30}),
        ({"type": "SetStorageClass", "storageClass": "COLDLINE"}, {"age": 90}),
        ({"type": "Delete"}, {"age": 7, "matchesPrefix": ["clips/"]}),
        ({"type": "Delete"}, {"daysSinceNoncurrentTime": 7, "matchesPrefix": ["clips/"]}),
    ]
