import threading
import time

import pytest

from shared import shutdown
from tests.support.api import Api, failed, refused


def test_a_wait_ends_with_the_track(public_api: Api) -> None:
    request_id = public_api.accepted()
    ending = threading.Timer(0.4, public_api.end, (request_id, failed()))
    ending.start()
    begun = time.monotonic()
    assert public_api.state(request_id, "?wait=30")["status"] == "failed"
    assert time.monotonic() - begun < 5
    ending.join()


def test_a_wait_for_an_ended_track_is_none(public_api: Api) -> None:
    request_id = public_api.accepted()
    public_api.end(request_id, failed())
    begun = time.monotonic()
    assert public_api.state(request_id, "?wait=60")["status"] == "failed"
    assert time.monotonic() - begun < 1


def test_a_wait_is_over_after_its_seconds(public_api: Api) -> None:
    request_id = public_api.accepted()
    begun = time.monotonic()
    assert public_api.state(request_id, "?wait=1")["status"] == "queued"
    assert 0.9 < time.monotonic() - begun < 5


def test_a_wait_ends_when_the_process_has_to(public_api: Api) -> None:
    request_id = public_api.accepted()
    begun = time.monotonic()
    shutdown.begin()
    try:
        assert public_api.state(request_id, "?wait=30")["status"] == "queued"
    finally:
        shutdown.reset()
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "wait", ["61", "-1", "1.5", "ten", "", "1e1", "+5", "%D9%A3", "9" * 5000, "060", "NaN"]
)
def test_a_wait_that_is_no_number_of_seconds_is_refused(public_api: Api, wait: str) -> None:
    request_id = public_api.accepted()
    answer = public_api.client.get(f"/v1/tracks/{request_id}?wait={wait}")
    body = refused(answer, 400, "invalid_field")
    assert (body["field"], body["cure"]) == ("wait", "Use ?wait=30.")
