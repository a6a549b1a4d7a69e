"""Poison was published when the stack started: it is kept, and in nobody's way."""

import pytest
from google.api_core.exceptions import DeadlineExceeded
from google.cloud.pubsub_v1 import SubscriberClient

from tests.support.rig import Rig
from tests.support.waiting import wait_for


@pytest.mark.timeout(400)
@pytest.mark.faults
def test_poison_ends_in_the_dead_letters_with_its_bytes(
    rig: Rig, poisoned: dict[str, set[bytes]]
) -> None:
    sent = rig.submit()
    assert rig.ended(sent.id)["status"] == "completed"
    rig.hooked(sent)
    with SubscriberClient() as client:
        for topic, expected in poisoned.items():
            subscription = f"{rig.info['topics'][topic]}-dead-sub"
            name = client.subscription_path(rig.info["project"], subscription)
            assert dead_letters(client, name, len(expected)) == expected


def dead_letters(client: SubscriberClient, name: str, count: int) -> set[bytes]:
    kept: set[bytes] = set()

    def enough() -> bool:
        try:
            pulled = client.pull(subscription=name, max_messages=50, timeout=10, retry=None)
        except DeadlineExceeded:  # the emulator's word for an empty subscription
            return False
        for received in pulled.received_messages:
            assert received.message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "10"
            kept.add(received.message.data)
        return len(kept) >= count

    wait_for(enough, 250)
    return kept
