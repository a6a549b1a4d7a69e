from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests

from shared.endings import Ending
from shared.gcp.storage import BucketObjects, storage_client
from shared.messages import AudioObject, TrackResult
from shared.ports import Create
from shared.track import DELIVERIES, Attempt, Delivery, Park, Status
from tests.support.api import BASE, Api, failed, refused, storage_at

NOWHERE = "00000000-0000-4000-8000-000000000000"
CALLS = [("GET", ""), ("POST", "/cancel"), ("POST", "/retry"), ("GET", "/audio.wav")]


def held(api: Api, request_id: str) -> None:
    now = datetime.now(UTC)
    lease = now.replace(year=now.year + 1, day=1)
    api.change(request_id, status=Status.RUNNING, holder="x", lease_expires_at=lease)


@pytest.fixture
def bucket(public_api: Api) -> Iterator[BucketObjects]:
    """The bucket of finished audio."""
    with storage_at(public_api.storage_url):
        client = storage_client(public_api.project)
    yield BucketObjects(client, public_api.output)
    client.close()


def completed(api: Api, bucket: BucketObjects, request_id: str, data: bytes) -> TrackResult:
    """Store audio and end the track with it."""
    name = f"audio/{request_id}.wav"
    stored = bucket.write(name, data, "audio/wav", replaces=0)
    assert stored
    audio = AudioObject(
        format="wav",
        mime_type="audio/wav",
        uri=bucket.uri(name),
        generation=stored.generation,
        size_bytes=stored.size_bytes,
        crc32c=stored.crc32c,
    )
    result = TrackResult(
        duration_seconds=20.0,
        sample_rate=48_000,
        channels=2,
        loudness_lufs=-14.02,
        true_peak_dbtp=-1.1,
        loudness_limited=False,
        audio=(audio,),
        metadata_uri=bucket.uri(f"metadata/{request_id}.json"),
        model="lyria-002",
        cost_usd=0.06,
    )
    api.end(request_id, Ending(Status.COMPLETED, result=result))
    return result


def test_a_queued_track_shows_what_it_is(public_api: Api) -> None:
    request_id = public_api.accepted()
    shown = public_api.state(request_id)
    assert (shown["status"], shown["stage"], shown["progress"]) == ("queued", None, 0.0)
    assert (shown["audio"], shown["error"], shown["webhook"]) == ([], None, None)
    assert shown["cost"] == {"quote_usd": 0.06, "billed_usd": 0.0, "provider_calls": 0}
    times = shown["timings"]
    assert times["created_at"] == times["queued_at"] < times["deadline"]
    assert (times["started_at"], times["ended_at"]) == (None, None)
    assert shown["links"]["self"] == f"{BASE}/v1/tracks/{request_id}"


def test_waiting_for_something_is_said(public_api: Api) -> None:
    request_id = public_api.accepted()
    public_api.change(request_id, park=Park.QUOTA)
    assert public_api.state(request_id)["waiting_for"] == "quota"


def test_a_failed_track_says_why_and_what_helps(public_api: Api) -> None:
    request_id = public_api.accepted()
    public_api.end(request_id, failed())
    shown = public_api.state(request_id)
    assert shown["status"] == "failed"
    assert shown["error"] == {
        "code": "model_rejected",
        "message": "no",
        "cure": "Change the prompt; if that does not help, ask the operator.",
        "retryable": True,
    }
    assert shown["timings"]["ended_at"]


def test_the_webhook_has_a_state_of_its_own(public_api: Api) -> None:
    request_id = public_api.accepted(callback_url="https://hooks.example/?token=secret")
    assert public_api.state(request_id)["webhook"] == {"state": "waiting", "attempts": []}
    public_api.end(request_id, failed())
    now = public_api.store.clock.now()
    attempt = Attempt(number=1, started_at=now, milliseconds=12, code="timeout")
    event_id = f"{request_id}:1:failed"
    delivery = Delivery(
        event_id=event_id,
        request_id=request_id,
        tenant="local",
        webhook_id="msg_1",
        url="https://hooks.example/?token=secret",
        body=b"{}",
        created_at=now,
        attempts=(attempt,),
    )
    public_api.store.commit(Create(DELIVERIES, event_id, delivery))
    webhook = public_api.state(request_id)["webhook"]
    assert (webhook["state"], webhook["webhook_id"]) == ("pending", "msg_1")
    assert [(a["number"], a["status"], a["code"]) for a in webhook["attempts"]] == [
        (1, None, "timeout")
    ]
    assert "secret" not in public_api.client.get(f"/v1/tracks/{request_id}").text


def test_an_unchanged_track_is_not_sent_again(public_api: Api) -> None:
    request_id = public_api.accepted()
    path = f"/v1/tracks/{request_id}"
    etag = public_api.client.get(path).headers["ETag"]
    same = public_api.client.get(path, headers={"If-None-Match": etag})
    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", etag)
    public_api.end(request_id, failed())
    changed = public_api.client.get(path, headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag


BAD_IDS = [
    NOWHERE,
    "x",
    "0",
    NOWHERE.replace("-", ""),
    NOWHERE[:-1],
    f"{NOWHERE}0",
    NOWHERE.upper().replace("0", "A"),
    f"{NOWHERE}%00",
    f"{NOWHERE}%0A",
    "..",
    "%2e%2e",
    "__x__",
    "%F0%9F%8E%B5",
    "%ED%A0%80",
    "a" * 2000,
]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_what_is_not_there_looks_like_what_is_not_yours(
    public_api: Api, method: str, path: str
) -> None:
    foreign = public_api.accepted()
    public_api.change(foreign, tenant="other")
    headers = {"X-Request-Id": "the-same-id"}

    def answer(track_id: str) -> bytes:
        url = f"/v1/tracks/{track_id}{path}"
        sent = public_api.client.open(url, method=method, headers=headers)
        refused(sent, 404, "no_such_track")
        return bytes(sent.data)

    assert {answer(track_id) for track_id in [foreign, *BAD_IDS]} == {answer(NOWHERE)}
    track = public_api.document(foreign).value
    assert track
    assert (track.status, track.run) == (Status.QUEUED, 1)


def test_cancel_answers_and_announces(public_api: Api) -> None:
    request_id = public_api.accepted()
    path = f"/v1/tracks/{request_id}/cancel"
    first = public_api.client.post(path).get_json()
    assert first == {"request_id": request_id, "result": "cancelled"}
    assert public_api.client.post(path).get_json()["result"] == "already_finished"
    assert public_api.state(request_id)["error"]["code"] == "cancelled"
    track = public_api.document(request_id).value
    assert track
    assert [a.published for a in track.announcements] == [True]


def test_cancel_is_a_wish_while_somebody_works(public_api: Api) -> None:
    request_id = public_api.accepted()
    held(public_api, request_id)
    path = f"/v1/tracks/{request_id}/cancel"
    assert public_api.client.post(path).get_json()["result"] == "cancelling"
    assert public_api.state(request_id)["status"] == "running"


def test_retry_queues_a_failed_track_again(public_api: Api) -> None:
    request_id = public_api.accepted()
    public_api.end(request_id, failed())
    public_api.published()
    answer = public_api.client.post(f"/v1/tracks/{request_id}/retry")
    assert (answer.status_code, answer.get_json()["run"]) == (202, 2)
    assert public_api.state(request_id)["status"] == "queued"
    assert [(m.request_id, m.run) for m in public_api.published()] == [(request_id, 2)]


@pytest.mark.parametrize("status", ["queued", "running", "completed", "cancelled"])
def test_only_failed_and_expired_tracks_are_retried(
    public_api: Api, bucket: BucketObjects, status: str
) -> None:
    request_id = public_api.accepted()
    match status:
        case "running":
            held(public_api, request_id)
        case "completed":
            completed(public_api, bucket, request_id, b"RIFF")
        case "cancelled":
            public_api.client.post(f"/v1/tracks/{request_id}/cancel")
    answer = public_api.client.post(f"/v1/tracks/{request_id}/retry")
    body = refused(answer, 409, "not_retryable")
    assert status in body["detail"]
    assert body["cure"]
    assert public_api.state(request_id)["run"] == 1


def test_audio_is_a_link_to_the_stored_bytes(public_api: Api, bucket: BucketObjects) -> None:
    request_id = public_api.accepted()
    completed(public_api, bucket, request_id, b"RIFF and so on")
    (shown,) = public_api.state(request_id)["audio"]
    assert shown["href"] == f"{BASE}/v1/tracks/{request_id}/audio.wav"
    assert (shown["size_bytes"], shown["loudness_lufs"]) == (14, -14.02)
    answer = public_api.client.get(f"/v1/tracks/{request_id}/audio.wav")
    assert answer.status_code == 302
    played = requests.get(answer.headers["Location"], timeout=5)
    assert (played.status_code, played.content) == (200, b"RIFF and so on")
    assert played.headers["Content-Disposition"] == f'inline; filename="motif-{request_id}.wav"'


def test_without_iam_there_is_no_link_yet(public_api: Api, bucket: BucketObjects) -> None:
    request_id = public_api.accepted()
    completed(public_api, bucket, request_id, b"RIFF")
    client = public_api.make(iam_endpoint="http://127.0.0.1:1").test_client()
    answer = client.get(f"/v1/tracks/{request_id}/audio.wav")
    refused(answer, 503, "storage_unavailable")
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize("name", ["mp3", "WAV", "wav.exe", "", "%2e%2e"])
def test_a_format_that_was_not_asked_for_is_not_there(public_api: Api, name: str) -> None:
    request_id = public_api.accepted()
    answer = public_api.client.get(f"/v1/tracks/{request_id}/audio.{name}")
    assert answer.status_code == 404
    assert answer.get_json(force=True)["code"] in {"no_such_format", "not_found"}


def test_audio_of_an_unfinished_track_is_not_there_yet(public_api: Api) -> None:
    request_id = public_api.accepted()
    body = refused(
        public_api.client.get(f"/v1/tracks/{request_id}/audio.wav"), 409, "not_completed"
    )
    assert body["cure"]
    public_api.end(request_id, failed())
    refused(public_api.client.get(f"/v1/tracks/{request_id}/audio.wav"), 409, "not_completed")
