from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from services.ingest.live.sse import Mark
from shared.ports import Update
from shared.retrying import retried
from shared.track import TRACKS
from tests.support.api import Api, failed
from tests.support.streams import Follower, Serving, run, serving, write
from tests.support.tracks import TIMING, stored_track
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def ingest(public_api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("ingest")
    with serving(public_api, folder, TIME_SCALE="0.05") as started:
        yield started
    assert "Traceback" not in started.said()


def shown(follower: Follower) -> list[tuple[str, float]]:
    return [(told.body["status"], told.body["progress"]) for told in follower.told]


def test_a_stream_tells_every_state_and_ends_with_the_track(ingest: Serving) -> None:
    api = ingest.api
    track_id = stored_track(api.store)
    follower = ingest.follow(track_id).until(1)
    seen = run(api, track_id)
    follower.until(2)
    write(api, seen, progress=0.5)
    follower.until(3)
    api.end(track_id, failed())

    follower.finished()

    assert not follower.broken
    assert shown(follower) == [("queued", 0), ("running", 0.1), ("running", 0.5), ("failed", 0.5)]
    assert follower.told[-1].body == ingest.get(f"/v1/tracks/{track_id}").json()
    marks = [Mark.parse(told.id) for told in follower.told]
    versions = [mark.version for mark in marks if mark]
    assert versions == sorted(set(versions))
    assert [mark.ended for mark in marks if mark] == [False, False, False, True]
    assert all(500 <= retry < 2500 for retry in follower.retries)
    assert len(follower.retries) == 1


def test_who_comes_late_is_told_the_ending_and_need_not_come_again(ingest: Serving) -> None:
    api = ingest.api
    track_id = stored_track(api.store)
    api.end(track_id, failed())

    late = ingest.follow(track_id).finished()

    assert shown(late) == [("failed", 0)]
    assert ingest.follow(track_id, late.told[0].id).finished().status == 204
    write(api, api.document(track_id), wakes=3)  # as the sweeper does
    assert ingest.follow(track_id, late.told[0].id).finished().status == 204


def test_a_stream_ends_with_its_run_and_the_next_has_its_own(ingest: Serving) -> None:
    api = ingest.api
    track_id = stored_track(api.store)
    api.end(track_id, failed())
    first = ingest.follow(track_id).finished()
    seen = api.document(track_id)
    assert seen.value
    assert seen.version
    announced = replace(seen.value, announcements=())
    again = retried(announced, "again", api.store.clock.now(), TIMING)
    api.store.commit(Update(TRACKS, track_id, again, seen.version))

    second = ingest.follow(track_id, first.told[-1].id).until(1)

    assert second.status == 200
    assert (second.told[0].body["run"], second.told[0].body["status"]) == (2, "queued")
    api.end(track_id, failed())
    assert shown(second.finished())[-1] == ("failed", 0)


def test_who_has_the_newest_is_told_only_what_is_newer(ingest: Serving) -> None:
    api = ingest.api
    track_id = stored_track(api.store)
    seen = run(api, track_id)
    first = ingest.follow(track_id).until(1)
    again = ingest.follow(track_id, first.told[0].id)
    wait_for(lambda: again.comments)
    assert again.told == []
    write(api, seen, progress=0.4)

    assert shown(again.until(1)) == [("running", 0.4)]

    older = ingest.follow(track_id, first.told[0].id).until(1)
    assert shown(older) == [("running", 0.4)]
    api.end(track_id, failed())
    for follower in (first, again, older):
        assert shown(follower.finished())[-1] == ("failed", 0.4)


@pytest.mark.parametrize(
    "last",
    ["garbage", "1-", "1-99999999999999999", "9999-1.end", "-1", "1-1.end ", "é", "1" * 5000],
)
def test_an_id_that_we_never_gave_counts_as_none(ingest: Serving, last: str) -> None:
    api = ingest.api
    track_id = stored_track(api.store)
    follower = ingest.follow(track_id, last).until(1)
    assert shown(follower) == [("queued", 0)]
    api.end(track_id, failed())
    assert shown(follower.finished())[-1] == ("failed", 0)


def test_what_the_body_does_not_show_is_no_event(ingest: Serving) -> None:
    api = ingest.api
    track_id = stored_track(api.store)
    seen = run(api, track_id)
    follower = ingest.follow(track_id).until(1)
    seen = write(api, seen, epoch=7)
    wait_for(lambda: follower.comments >= 3)
    write(api, seen, progress=0.7)
    assert shown(follower.until(2)) == [("running", 0.1), ("running", 0.7)]
    follower.leave()


def test_heartbeats_are_comments(ingest: Serving) -> None:
    follower = ingest.follow(stored_track(ingest.api.store)).until(1)
    wait_for(lambda: follower.comments >= 2)
    assert len(follower.told) == 1
    follower.leave()


@pytest.mark.parametrize("kind", ["events", "stream"])
def test_what_one_may_not_see_is_not_there(ingest: Serving, kind: str) -> None:
    foreign = stored_track(ingest.api.store, fields={"tenant": "other"})
    missing = "00000000-0000-4000-8000-000000000000"
    for track_id in (foreign, missing, "none", foreign.upper()):
        answer = ingest.get(f"/v1/tracks/{track_id}/{kind}")
        assert (answer.status_code, answer.json()["code"]) == (404, "no_such_track")
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_headers(ingest: Serving) -> None:
    track_id = stored_track(ingest.api.store)
    url = f"{ingest.url}/v1/tracks/{track_id}/events"
    expected = {
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
    head = requests.head(url, timeout=30)
    assert head.status_code == 200
    assert expected.items() <= head.headers.items()
    follower = ingest.follow(track_id).until(1)
    assert expected.items() <= dict(follower.response.headers).items()
    follower.leave()
    assert requests.options(url, timeout=30).status_code == 204
    assert requests.post(url, timeout=30).status_code == 405


def test_links_lead_to_both_streams(ingest: Serving) -> None:
    track_id = stored_track(ingest.api.store)
    links = ingest.get(f"/v1/tracks/{track_id}").json()["links"]
    assert links["events"] == f"{ingest.url}/v1/tracks/{track_id}/events"
    assert links["stream"] == f"ws://127.0.0.1:{ingest.port}/v1/tracks/{track_id}/stream"


def test_places_are_counted_and_given_back(public_api: Api, tmp_path: Path) -> None:
    api = public_api
    with serving(api, tmp_path, STREAMS="2", TIME_SCALE="0.05") as ingest:
        track_id = stored_track(api.store)
        taken = [ingest.follow(track_id).until(1) for _ in range(2)]

        refused = ingest.get(f"/v1/tracks/{track_id}/events")

        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "10"
        assert refused.json()["code"] == "too_many_streams"
        assert ingest.get(f"/v1/tracks/{track_id}").status_code == 200
        assert requests.head(refused.url, timeout=30).status_code == 200
        ended = stored_track(api.store)
        api.end(ended, failed())
        assert shown(ingest.follow(ended).finished()) == [("failed", 0)]

        taken[0].leave()
        wait_for(lambda: ingest.follow(track_id).status == 200)

        api.end(track_id, failed())
        assert shown(taken[1].finished())[-1] == ("failed", 0)
