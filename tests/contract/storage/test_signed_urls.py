"""V4 signed URLs made by Google's client with signBlob, and every way to spoil them."""

import base64
import datetime as dt
from typing import Any

import pytest
import requests
from google.cloud.storage import Bucket, _signing
from google.oauth2.service_account import Credentials

from deploy.local import keys

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def signed(bucket: Bucket, sign_blob: Any) -> Any:
    """`signed(method="GET", **options)` signs for the object `a b.wav`, which holds 10 bytes."""
    blob = bucket.blob("a b.wav")
    blob.upload_from_string(b"0123456789", content_type="audio/wav")

    def sign(method: str = "GET", **options: Any) -> str:
        given = {"expiration": HOUR, "credentials": sign_blob, "version": "v4", **options}
        url: str = blob.generate_signed_url(method=method, **given)
        return url

    return sign


def refusal(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.text.partition("<Code>")[2].partition("</Code>")[0]


def test_a_signed_url_opens_its_object(signed: Any) -> None:
    answer = requests.get(signed(), timeout=5)
    assert (answer.status_code, answer.content) == (200, b"0123456789")
    assert answer.headers["Content-Type"] == "audio/wav"


@pytest.mark.parametrize("name", ["ä (1)+&~.wav", "a//b", "a/%41?x=1#y"])
def test_any_name_can_be_signed(bucket: Bucket, sign_blob: Any, name: str) -> None:
    bucket.blob(name).upload_from_string(name.encode())
    url = bucket.blob(name).generate_signed_url(
        expiration=HOUR, credentials=sign_blob, version="v4"
    )
    assert requests.get(url, timeout=5).content == name.encode()


def test_ranges_work_behind_a_signature(signed: Any) -> None:
    answer = requests.get(signed(), headers={"Range": "bytes=-2"}, timeout=5)
    assert (answer.status_code, answer.content) == (206, b"89")


def test_head_needs_its_own_signature(signed: Any) -> None:
    answer = requests.head(signed("HEAD"), timeout=5)
    assert (answer.status_code, answer.headers["Content-Length"]) == (200, "10")
    assert requests.head(signed(), timeout=5).status_code == 403


def test_the_answer_can_be_named(signed: Any) -> None:
    disposition = 'attachment; filename="my song.wav"'
    url = signed(response_disposition=disposition, response_type="audio/x-wav")
    headers = requests.get(url, timeout=5).headers
    assert headers["Content-Disposition"] == disposition
    assert headers["Content-Type"] == "audio/x-wav"


def test_a_url_can_name_a_generation(versioned: Bucket, signed: Any) -> None:
    blob = versioned.get_blob("a b.wav")
    url = signed(generation=blob.generation)
    versioned.blob("a b.wav").upload_from_string(b"new")
    assert requests.get(url, timeout=5).content == b"0123456789"
    assert requests.get(signed(), timeout=5).content == b"new"
    assert refusal(requests.get(signed(generation=1), timeout=5)) == (404, "NoSuchKey")


def test_put_writes_what_was_signed(bucket: Bucket, signed: Any) -> None:
    create = {"x-goog-if-generation-match": "0", "x-goog-meta-seed": "7"}
    bucket.blob("a b.wav").delete()
    url = signed("PUT", content_type="audio/wav", headers=dict(create))
    sent = create | {"Content-Type": "audio/wav"}
    assert requests.put(url, data=b"new", headers=sent, timeout=5).status_code == 200
    blob = bucket.get_blob("a b.wav")
    assert (blob.content_type, blob.metadata) == ("audio/wav", {"seed": "7"})
    again = requests.put(url, data=b"newer", headers=sent, timeout=5)
    assert refusal(again) == (412, "PreconditionFailed")
    other = requests.put(url, data=b"x", headers=sent | {"Content-Type": "text/html"}, timeout=5)
    assert refusal(other) == (403, "SignatureDoesNotMatch")
    assert bucket.blob("a b.wav").download_as_bytes() == b"new"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a%20b.wav", "other.wav"),
        ("X-Goog-Expires=3600", "X-Goog-Expires=7200"),
        ("X-Goog-Signature=", "X-Goog-Signature=00"),
        ("X-Goog-Signature=", "X-Goog-Signature=zz"),
        ("&X-Goog-Signature", "&generation=1&X-Goog-Signature"),
    ],
)
def test_an_altered_url_is_refused(signed: Any, old: str, new: str) -> None:
    url = signed()
    assert old in url
    answer = requests.get(url.replace(old, new), timeout=5)
    assert refusal(answer) == (403, "SignatureDoesNotMatch")


def test_another_method_is_refused(signed: Any) -> None:
    answer = requests.put(signed(), data=b"x", timeout=5)
    assert refusal(answer) == (403, "SignatureDoesNotMatch")


def test_an_unsigned_request_is_refused(signed: Any, bucket: Bucket) -> None:
    unsigned = signed().partition("?")[0]
    assert refusal(requests.get(unsigned, timeout=5)) == (403, "AccessDenied")


def test_an_unsigned_steering_header_is_refused(signed: Any) -> None:
    answer = requests.get(signed(), headers={"x-goog-if-generation-match": "1"}, timeout=5)
    assert refusal(answer) == (400, "MalformedSecurityHeader")


def test_an_expired_url_says_so(url: str, bucket: Bucket, signed: Any, sign_blob: Any) -> None:
    old = _signing.generate_signed_url_v4(
        sign_blob,
        resource=f"/{bucket.name}/a%20b.wav",
        expiration=60,
        api_access_endpoint=url,
        _request_timestamp="20260101T000000Z",
    )
    assert refusal(requests.get(old, timeout=5)) == (400, "ExpiredToken")


def test_no_url_lives_longer_than_a_week(signed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert requests.get(signed(expiration=dt.timedelta(days=7)), timeout=5).status_code == 200
    monkeypatch.setattr(_signing, "get_expiration_seconds_v4", lambda _: 604801)
    assert refusal(requests.get(signed(), timeout=5)) == (400, "InvalidArgument")


def test_another_key_or_account_is_refused(signed: Any, tmp_path: Any) -> None:
    keys.ensure(tmp_path)
    key = (tmp_path / "signer.key.pem").read_text()
    for account, code in (
        (keys.SIGNER_ACCOUNT, "SignatureDoesNotMatch"),
        ("else@motif-local.iam.gserviceaccount.com", "AccessDenied"),
    ):
        info = {"client_email": account, "private_key": key, "token_uri": "http://127.0.0.1"}
        other = Credentials.from_service_account_info(info)
        answer = requests.get(signed(credentials=other), timeout=5)
        assert refusal(answer) == (403, code)


def test_cors_headers_come_with_the_bytes(bucket: Bucket, signed: Any) -> None:
    bucket.cors = [{"origin": ["*"], "method": ["GET"], "responseHeader": ["Content-Range"]}]
    bucket.patch()
    headers = requests.get(signed(), headers={"Origin": "http://studio"}, timeout=5).headers
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Access-Control-Expose-Headers"] == "Content-Range"


def test_sign_blob_serves_the_signer_only(url: str) -> None:
    def call(account: str, payload: str) -> requests.Response:
        where = f"{url}/v1/projects/-/serviceAccounts/{account}:signBlob"
        return requests.post(where, json={"payload": payload}, timeout=5)

    payload = base64.b64encode(b"x").decode()
    assert set(call(keys.SIGNER_ACCOUNT, payload).json()) == {"keyId", "signedBlob"}
    assert call(keys.PUSH_ACCOUNT, payload).status_code == 403
    assert call(keys.SIGNER_ACCOUNT, "no base64!").status_code == 400
