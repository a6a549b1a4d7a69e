import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests

from shared.endings import Ending
from shared.gcp.storage import BucketObjects, storage_client
from shared.messages import AudioObject, FileObject, SideObject, TrackResult
from shared.track import Park, Status
from shared.webhooks import Attempt
from tests.support.api import BASE, Api, failed, refused, storage_at
from tests.support.deliveries import recorded

NOWHERE = "00000000-0000-4000-8000-000000000000"
SIDES = {"waveform": "application/json", "spectrogram": "image/png", "metadata": "application/json"}
CALLS = [
    ("GET", ""),
    ("POST", "/cancel"),
    ("POST", "/retry"),
    ("GET", "/audio.wav"),
    *(("GET", f"/{kind}") for kind in SIDES),
]


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


def stored(
    bucket: BucketObjects, name: str, data: bytes, mime: str, replaces: int = 0
) -> FileObject:
    """One object, written now."""
    written = bucket.write(name, data, mime, replaces=replaces)
    assert written
    return FileObject(
        mime_type=mime,
        uri=bucket.uri(name),
        generation=written.generation,
        size_bytes=written.size_bytes,
        crc32c=written.crc32c,
        sha256=hashlib.sha256(data).hexdigest(),
    )


def wav(bucket: BucketObjects, request_id: str, data: bytes) -> AudioObject:
    """A finished file in the bucket."""
    file = stored(bucket, f"audio/{request_id}.wav", data, "audio/wav")
    return AudioObject(format="wav", **file.model_dump())


def sides(bucket: BucketObjects, request_id: str) -> tuple[SideObject, ...]:
    """What describes the audio, in the bucket."""
    files = {
        kind: stored(bucket, f"{kind}/{request_id}", kind.encode(), mime)
        for kind, mime in SIDES.items()
    }
    return tuple(SideObject(kind=kind, **file.model_dump()) for kind, file in files.items())


def completed(api: Api, bucket: BucketObjects, request_id: str, data: bytes) -> TrackResult:
    """Store audio and what describes it, and end the track with it."""
    result = TrackResult(
        duration_seconds=20.0,
        sample_rate=48_000,
        channels=2,
        loudness_lufs=-14.02,
        true_peak_dbtp=-1.1,
        loudness_limited=False,
        audio=(wav(bucket, request_id, data),),
        sides=sides(bucket, request_id),
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
    assert (shown["audio"], shown["sound"]) == ([], None)
    assert (shown["error"], shown["webhook"]) == (None, None)
    assert shown["cost"] == {
        "quote_usd": 0.06,
        "clips": 1,
        "billed_usd": 0.0,
        "provider_calls": 0,
    }
    times = shown["timings"]
    assert times["created_at"] == times["queued_at"] < times["deadline"]
    assert (times["started_at"], times["ended_at"]) == (None, None)
    assert shown["links"]["self"] == f"{BASE}/v1/tracks/{request_id}"


def test_waiting_for_something_is_said(public_api: Api) -> None:
    request_id = public_api.accepted()
    public_api.change(request_id, park=Park.QUOTA)
    assert public_api.state(request_id)["waiting_for"] == "quota"
    held(public_api, request_id)
    public_api.change(request_id, park=Park.NONE, waits=Park.QUOTA)
    assert public_api.state(request_id)["waiting_for"] == "quota"


def test_a_failed_track_says_why_and_what_helps(public_api: Api) -> None:
    request_id = public_api.accepted()
    public_api.end(request_id, failed())
    shown = public_api.state(request_id)
    assert shown["status"] == "failed"
    assert shown["error"] == {
        "code": "model_rejected",
        "message": "no",
        "cure": (
            "Submit again with another prompt, or retry later; if neither helps, ask the operator."
        ),
        "retryable": True,
    }
    assert shown["timings"]["ended_at"]


def test_the_webhook_has_a_state_of_its_own(public_api: Api) -> None:
    request_id = public_api.accepted(callback_url="https://hooks.example/?token=secret")
    assert public_api.state(request_id)["webhook"] == {
        "webhook_id": None,
        "type": None,
        "state": "waiting",
        "next_attempt_at": None,
        "attempts": [],
    }
    attempt = Attempt(number=1, started_at=datetime.now(UTC), milliseconds=12, code="timeout")
    row = recorded(public_api, request_id, attempts=(attempt,))
    webhook = public_api.state(request_id)["webhook"]
    assert (webhook["state"], webhook["webhook_id"]) == ("pending", row.webhook_id)
    assert webhook["type"] == "track.failed"
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
    again = answer.get_json()
    assert (answer.status_code, again["run"], again["quote_usd"]) == (202, 2, 0.06)
    assert public_api.state(request_id)["status"] == "queued"
    assert [(m.request_id, m.run) for m in public_api.published()] == [(request_id, 2)]


def test_a_retry_is_estimated_and_quoted_anew(public_api: Api) -> None:
    request_id = public_api.accepted(duration_seconds=300)
    public_api.end(request_id, failed())
    long_ago = public_api.store.clock.now() - timedelta(days=3)
    public_api.change(request_id, created_at=long_ago)
    again = public_api.client.post(f"/v1/tracks/{request_id}/retry").get_json()
    assert again["quote_usd"] == public_api.state(request_id)["cost"]["quote_usd"] == 0.6
    estimate = datetime.fromisoformat(again["estimated_completion"])
    queued = datetime.fromisoformat(public_api.state(request_id)["timings"]["queued_at"])
    assert timedelta(0) < estimate - queued < timedelta(hours=1)
    public_api.published()


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
    assert shown["sha256"] == hashlib.sha256(b"RIFF and so on").hexdigest()
    answer = public_api.client.get(f"/v1/tracks/{request_id}/audio.wav")
    assert answer.status_code == 302
    played = requests.get(answer.headers["Location"], timeout=5)
    assert (played.status_code, played.content) == (200, b"RIFF and so on")
    assert played.headers["Content-Disposition"] == f'inline; filename="motif-{request_id}.wav"'


@pytest.mark.parametrize(("kind", "mime"), SIDES.items())
def test_what_describes_the_audio_is_a_link_to_the_stored_bytes(
    public_api: Api, bucket: BucketObjects, kind: str, mime: str
) -> None:
    request_id = public_api.accepted()
    completed(public_api, bucket, request_id, b"RIFF")
    link = public_api.state(request_id)["links"][kind]
    assert link == f"{BASE}/v1/tracks/{request_id}/{kind}"
    answer = public_api.client.get(link.removeprefix(BASE))
    assert answer.status_code == 302
    fetched = requests.get(answer.headers["Location"], timeout=5)
    assert (fetched.status_code, fetched.content) == (200, kind.encode())
    assert fetched.headers["Content-Type"] == mime
    suffix = mime.rpartition("/")[2]
    assert fetched.headers["Content-Disposition"] == (
        f'inline; filename="motif-{request_id}-{kind}.{suffix}"'
    )


@pytest.mark.parametrize("kind", SIDES)
def test_a_link_stays_with_the_generation_that_was_announced(
    public_api: Api, bucket: BucketObjects, kind: str
) -> None:
    request_id = public_api.accepted()
    result = completed(public_api, bucket, request_id, b"RIFF")
    first = next(side for side in result.sides if side.kind == kind)
    stored(bucket, f"{kind}/{request_id}", b"newer", "text/plain", first.generation)
    answer = public_api.client.get(f"/v1/tracks/{request_id}/{kind}")
    assert requests.get(answer.headers["Location"], timeout=5).content == kind.encode()


def test_a_file_can_be_heard_while_others_are_being_made(
    public_api: Api, bucket: BucketObjects
) -> None:
    request_id = public_api.accepted(formats=["mp3", "wav"])
    held(public_api, request_id)
    path = f"/v1/tracks/{request_id}/audio"
    refused(public_api.client.get(f"{path}.wav"), 409, "not_completed")
    public_api.change(request_id, ready=(wav(bucket, request_id, b"RIFF early"),))
    (shown,) = public_api.state(request_id)["audio"]
    assert (shown["format"], shown["size_bytes"], shown["loudness_lufs"]) == ("wav", 10, None)
    answer = public_api.client.get(shown["href"].removeprefix(BASE))
    assert answer.status_code == 302
    assert requests.get(answer.headers["Location"], timeout=5).content == b"RIFF early"
    refused(public_api.client.get(f"{path}.mp3"), 409, "not_completed")
    refused(public_api.client.get(f"/v1/tracks/{request_id}/waveform"), 409, "not_completed")


def test_a_failed_track_offers_nothing_that_it_had_stored(
    public_api: Api, bucket: BucketObjects
) -> None:
    request_id = public_api.accepted()
    held(public_api, request_id)
    public_api.change(request_id, ready=(wav(bucket, request_id, b"RIFF"),))
    public_api.end(request_id, failed())
    assert public_api.state(request_id)["audio"] == []
    refused(public_api.client.get(f"/v1/tracks/{request_id}/audio.wav"), 409, "not_completed")


def test_without_iam_there_is_no_link_yet(public_api: Api, bucket: BucketObjects) -> None:
    request_id = public_api.accepted()
    completed(public_api, bucket, request_id, b"RIFF")
    client = public_api.make(iam_endpoint="http://127.0.0.1:1").test_client()
    for path in ("audio.wav", *SIDES):
        answer = client.get(f"/v1/tracks/{request_id}/{path}")
        refused(answer, 503, "storage_unavailable")
        assert answer.headers["Retry-After"]


@pytest.mark.parametrize("name", ["mp3", "WAV", "wav.exe", "", "%2e%2e"])
def test_a_format_that_was_not_asked_for_is_not_there(public_api: Api, name: str) -> None:
    request_id = public_api.accepted()
    answer = public_api.client.get(f"/v1/tracks/{request_id}/audio.{name}")
    assert answer.status_code == 404
    assert answer.get_json(force=True)["code"] in {"no_such_format", "not_found"}


@pytest.mark.parametrize("path", ["audio.wav", *SIDES])
def test_files_of_an_unfinished_track_are_not_there_yet(public_api: Api, path: str) -> None:
    request_id = public_api.accepted()
    url = f"/v1/tracks/{request_id}/{path}"
    assert "Wait" in refused(public_api.client.get(url), 409, "not_completed")["cure"]
    public_api.end(request_id, failed())
    told = refused(public_api.client.get(url), 409, "not_completed")
    assert told["cure"] == public_api.state(request_id)["error"]["cure"]
    assert public_api.client.post(f"/v1/tracks/{request_id}/retry").status_code == 202
    assert "Wait" in refused(public_api.client.get(url), 409, "not_completed")["cure"]
    public_api.client.post(f"/v1/tracks/{request_id}/cancel")
    told = refused(public_api.client.get(url), 409, "not_completed")
    assert told["cure"].startswith("Submit again")
    assert "cancelled" in told["detail"]
