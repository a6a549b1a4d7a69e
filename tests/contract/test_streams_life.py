"""Streams of an instance that ends, dies, or is full to the last place."""

import os
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from services.ingest.identity.keys import new_key
from services.ingest.identity.registry import Registry
from tests.support.api import Api, failed
from tests.support.streams import Follower, Serving, run, serving, write
from tests.support.tracks import stored_track
from tests.support.waiting import wait_for

FULL = int(os.environ.get("RACES", "4")) >= 50
WATCHERS, TRACKS = (200, 20) if FULL else (60, 10)
STEPS = (0.2, 0.4, 0.6, 0.8)


def progress(follower: Follower) -> list[float]:
    return [told.body["progress"] for told in follower.told]


def test_everybody_is_told_every_ending_while_calls_are_answered(
    public_api: Api, tmp_path: Path
) -> None:
    api = public_api
    places = {"STREAMS": str(WATCHERS), "INGEST_THREADS": str(WATCHERS + 56)}
    with serving(api, tmp_path, **places) as ingest:
        seen = [run(api, stored_track(api.store)) for _ in range(TRACKS)]
        ids = [one.id for one in seen]
        followers = [ingest.follow(ids[n % TRACKS]) for n in range(WATCHERS)]
        assert {follower.status for follower in followers} == {200}
        for follower in followers:
            follower.until(1)
        assert ingest.follow(ids[0]).status == 503

        for step in STEPS:
            seen = [write(api, one, progress=step) for one in seen]
            assert ingest.get(f"/v1/tracks/{ids[0]}").json()["progress"] == step
            assert ingest.get("/live").status_code == 200
        for track_id in ids:
            api.end(track_id, failed())

        for n, follower in enumerate(followers):
            steps = progress(follower.finished())
            assert follower.told[-1].body["status"] == "failed"
            assert {told.body["request_id"] for told in follower.told} == {ids[n % TRACKS]}
            assert steps == sorted(steps)
            assert not follower.broken
        again = ingest.follow(stored_track(api.store))
        assert again.status == 200
        again.leave()


def test_sigterm_sends_everybody_elsewhere(public_api: Api, tmp_path: Path) -> None:
    api = public_api
    with serving(api, tmp_path) as ingest, ExitStack() as leaving:
        track_id = stored_track(api.store)
        seen = run(api, track_id, 0.3)
        followers = [ingest.follow(track_id).until(1) for _ in range(5)]
        address = f"ws://127.0.0.1:{ingest.port}/v1/tracks/{track_id}/stream"
        ws = leaving.enter_context(connect(address, proxy=None))
        assert '"progress":0.3' in str(ws.recv(30))
        polls: list[int] = []
        poll = threading.Thread(
            target=lambda: polls.append(ingest.get(f"/v1/tracks/{track_id}?wait=60").status_code)
        )
        poll.start()
        _settled(ingest)

        ingest.terminate()

        for follower in followers:
            assert not follower.finished().broken
            assert len(follower.retries) == 2
        with pytest.raises(ConnectionClosed):
            ws.recv(30)
        assert ws.close_code == 1012
        poll.join(30)
        assert polls == [200]
        assert ingest.ended() == 0
        assert "Traceback" not in ingest.said()

        write(api, seen, progress=0.6)
        ingest.start()
        again = [ingest.follow(track_id, f.told[-1].id).until(1) for f in followers]
        api.end(track_id, failed())
        for follower in again:
            assert progress(follower.finished()) == [0.6, 0.6]


def test_a_killed_instance_costs_no_ending(public_api: Api, tmp_path: Path) -> None:
    api = public_api
    with serving(api, tmp_path) as ingest:
        track_id = stored_track(api.store)
        run(api, track_id, 0.3)
        followers = [ingest.follow(track_id).until(1) for _ in range(5)]

        ingest.process.kill()

        assert all(follower.finished().broken for follower in followers)
        api.end(track_id, failed())
        ingest.start()
        for follower in followers:
            again = ingest.follow(track_id, follower.told[-1].id).finished()
            assert [told.body["status"] for told in again.told] == ["failed"]
            assert ingest.follow(track_id, again.told[-1].id).status == 204


def test_a_stream_has_an_end_before_it_is_cut_off(public_api: Api, tmp_path: Path) -> None:
    with serving(public_api, tmp_path, TIME_SCALE="0.001") as ingest:  # 55 minutes are 3.3 s
        follower = ingest.follow(stored_track(public_api.store)).finished()
        assert not follower.broken
        assert len(follower.retries) == 2
        assert follower.told[0].body["status"] == "queued"


def test_a_revoked_key_ends_what_it_has_opened(public_api: Api, tmp_path: Path) -> None:
    api = public_api
    registry, key = Registry(api.store), new_key("test")
    registry.add_key("acme", key, {})
    with serving(api, tmp_path, API_AUTH="on", TIME_SCALE="0.02") as ingest:
        track_id = stored_track(api.store, fields={"tenant": "acme"})
        shown = {"Authorization": f"Bearer {key.text}"}
        assert ingest.follow(track_id).problem()["code"] == "unauthenticated"
        follower = ingest.follow(track_id, **shown).until(1)
        wait_for(lambda: follower.comments >= 3)

        registry.revoke(key.key_id)

        assert not follower.finished().broken
        assert [told.body["status"] for told in follower.told] == ["queued"]
        assert ingest.follow(track_id, **shown).status == 401


def _settled(ingest: Serving) -> None:
    """The long poll has begun when a call that came after it is answered."""
    wait_for(lambda: ingest.get("/live").status_code == 200)
