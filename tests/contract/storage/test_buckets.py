"""Buckets, through Google's client."""

import pytest
import requests
from google.api_core.exceptions import BadRequest, Conflict, NotFound
from google.cloud.storage import Bucket, Client


def test_a_bucket_is_created_listed_and_deleted(client: Client, bucket: Bucket) -> None:
    assert bucket.name in [found.name for found in client.list_buckets()]
    bucket.delete()
    assert client.lookup_bucket(bucket.name) is None


def test_a_taken_and_a_bad_name_are_refused(client: Client, bucket: Bucket) -> None:
    with pytest.raises(Conflict):
        client.create_bucket(bucket.name)
    with pytest.raises(BadRequest):
        client.create_bucket("UPPER")


def test_a_bucket_that_holds_anything_stays(versioned: Bucket) -> None:
    versioned.blob("a").upload_from_string(b"x")
    versioned.blob("a").delete()
    with pytest.raises(Conflict):
        versioned.delete()
    blob = next(iter(versioned.list_blobs(versions=True)))
    versioned.blob("a", generation=blob.generation).delete()
    versioned.delete()


def test_configuration_is_kept(client: Client, bucket: Bucket) -> None:
    bucket.versioning_enabled = True
    bucket.cors = [{"origin": ["*"], "method": ["GET"], "maxAgeSeconds": 60}]
    bucket.labels = {"part": "output"}
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.iam_configuration.public_access_prevention = "enforced"
    bucket.add_lifecycle_set_storage_class_rule("NEARLINE", age=30)
    bucket.add_lifecycle_delete_rule(age=7, matches_prefix=["clips/"])
    bucket.patch()

    found = client.get_bucket(bucket.name)
    assert found.versioning_enabled
    assert found.cors == [{"origin": ["*"], "method": ["GET"], "maxAgeSeconds": 60}]
    assert found.labels == {"part": "output"}
    assert found.iam_configuration.uniform_bucket_level_access_enabled
    assert found.iam_configuration.public_access_prevention == "enforced"
    assert [rule["action"]["type"] for rule in found.lifecycle_rules] == [
        "SetStorageClass",
        "Delete",
    ]
    assert found.metageneration == 2


def test_the_iam_policy_is_kept(bucket: Bucket) -> None:
    policy = bucket.get_iam_policy(requested_policy_version=3)
    assert policy.bindings == []
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"user:a@b.c"}})
    bucket.set_iam_policy(policy)
    assert bucket.get_iam_policy().bindings == [
        {"role": "roles/storage.objectViewer", "members": {"user:a@b.c"}}
    ]


def test_nothing_lives_in_a_bucket_that_is_not_there(client: Client) -> None:
    gone = client.bucket("never-made")
    with pytest.raises(NotFound):
        gone.blob("a").upload_from_string(b"x")
    with pytest.raises(NotFound):
        list(gone.list_blobs())


def test_cors_answers_follow_the_configuration(client: Client, bucket: Bucket, url: str) -> None:
    bucket.cors = [
        {
            "origin": ["https://studio.example"],
            "method": ["GET"],
            "responseHeader": ["Content-Type", "Range"],
            "maxAgeSeconds": 60,
        }
    ]
    bucket.patch()

    def preflight(**headers: str) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = requests.options(f"{url}/{bucket.name}/a", headers=named, timeout=5)
        assert answer.status_code == 200
        found = answer.headers.items()
        return {name: value for name, value in found if name.startswith("Access-Control")}

    good = {
        "Origin": "https://studio.example",
        "Access_Control_Request_Method": "GET",
        "Access_Control_Request_Headers": "range",
    }
    assert preflight(**good) == {
        "Access-Control-Allow-Origin": "https://studio.example",
        "Access-Control-Allow-Methods": "GET",
        "Access-Control-Allow-Headers": "Content-Type,Range",
        "Access-Control-Max-Age": "60",
    }
    assert preflight(**good | {"Origin": "https://other.example"}) == {}
    assert preflight(**good | {"Access_Control_Request_Method": "PUT"}) == {}
    assert preflight(**good | {"Access_Control_Request_Headers": "x-other"}) == {}
