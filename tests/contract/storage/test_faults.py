"""Faults on request: each one fires, and Google's client meets it as in the cloud."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from google.api_core.exceptions import PreconditionFailed, ServiceUnavailable
from google.cloud.storage import Bucket

Arm = Callable[..., None]


def test_an_injected_status_reaches_a_client_without_retries(bucket: Bucket, arm: Arm) -> None:
    arm({"status": 503}, object="^clips/")
    bucket.blob("audio/1").upload_from_string(b"x", retry=None)
    with pytest.raises(ServiceUnavailable):
        bucket.blob("clips/1").upload_from_string(b"x", retry=None)
    bucket.blob("clips/1").upload_from_string(b"x", retry=None)


def test_the_client_retries_a_503_by_itself(bucket: Bucket, arm: Arm) -> None:
    arm({"status": 503}, method="POST", object="^a$")
    bucket.blob("a").upload_from_string(b"x", if_generation_match=0)
    assert bucket.blob("a").exists()


def test_a_reset_leaves_nothing_behind(bucket: Bucket, arm: Arm) -> None:
    arm({"reset": True}, object="^a$")
    with pytest.raises(requests.ConnectionError):
        bucket.blob("a").upload_from_string(b"x", retry=None)
    assert not bucket.blob("a").exists()


def test_a_lost_reply_makes_a_create_only_retry_fail(bucket: Bucket, arm: Arm) -> None:
    arm({"commit_then_reset": True}, object="^a$")
    with pytest.raises(PreconditionFailed):
        bucket.blob("a").upload_from_string(b"x", if_generation_match=0)
    assert bucket.blob("a").download_as_bytes() == b"x"


@pytest.mark.parametrize("size", [100_000, 9_000_000])
def test_a_broken_upload_makes_no_object(bucket: Bucket, arm: Arm, size: int) -> None:
    arm({"after_bytes": 50_000}, method="PUT" if size > 8_000_000 else "POST", object="^a$")
    with pytest.raises(requests.ConnectionError):
        bucket.blob("a").upload_from_string(b"x" * size, retry=None)
    assert not bucket.blob("a").exists()


def test_a_cut_download_is_noticed(bucket: Bucket, arm: Arm) -> None:
    bucket.blob("a").upload_from_string(b"x" * 100_000)
    arm({"cut": 50_000}, path="^/download/", object="^a$")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        bucket.blob("a").download_as_bytes(retry=None)


def test_a_stalled_reply_meets_the_clients_timeout(bucket: Bucket, arm: Arm) -> None:
    bucket.blob("a").upload_from_string(b"x")
    arm({"stall": 0.5}, method="GET", object="^a$")
    with pytest.raises(requests.exceptions.ReadTimeout):
        bucket.blob("a").download_as_bytes(retry=None, timeout=0.1)


def test_a_delayed_request_only_takes_longer(bucket: Bucket, arm: Arm) -> None:
    arm({"delay": 0.2}, object="^a$")
    started = time.monotonic()
    bucket.blob("a").upload_from_string(b"x", retry=None)
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize(
    "rule",
    [
        {"match": {"prompt": "x"}, "action": {"status": 503}},
        {"match": {}, "action": {"explode": True}},
        {"match": {}, "action": {}},
        {"match": {"path": "("}, "action": {"status": 503}},
    ],
)
def test_a_rule_that_could_never_fire_is_refused(url: str, rule: dict[str, Any]) -> None:
    assert requests.post(f"{url}/_faults", json=[rule], timeout=5).status_code == 400
