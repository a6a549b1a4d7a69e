import json
import threading
import time
from typing import Any

import pytest

from motif import Client, Refused, TimedOut, Track, Unavailable, following
from tests.support.scripted import Scripted, answer, cut, event, hang_up, problem, stream
from tests.support.snapshots import ID, completed, failed, snapshot

OWN = f"/v1/tracks/{ID}"
EVENTS = f"{OWN}/events"
RETRY = b"retry: 10\n\n"


def running(api: Scripted, progress: float) -> dict[str, Any]:
    return snapshot(api.url, "running", progress=progress)


def asked(api: Scripted) -> list[str]:
    return [seen.path for seen in api.seen]


def test_a_wait_follows_the_stream_and_tells_each_change_once(
    api: Scripted, client: Client
) -> None:
    told: list[Track] = []
    end = completed(api.url, b"sound")
    api.script(
        answer(snapshot(api.url)),
        stream(
            RETRY,
            event(snapshot(api.url), "1"),  # what is known already
            b": heartbeat\n\n",
            event(running(api, 0.5), "2"),
            event(end, "3"),
        ),
    )
    track = client.wait(ID, on_progress=told.append)
    assert track.completed
    assert [(one.status, one.progress) for one in told] == [
        ("queued", 0.0), ("running", 0.5), ("completed", 1.0),
    ]  # fmt: skip
    assert asked(api) == [OWN, EVENTS]
    assert api.seen[1].headers["accept"] == "text/event-stream"
    assert api.seen[1].headers["authorization"].startswith("Bearer ")


def test_a_stream_that_is_cut_goes_on_where_it_was(api: Scripted, client: Client) -> None:
    half = event(running(api, 0.7), "3")
    api.script(
        answer(snapshot(api.url)),
        stream(RETRY, event(running(api, 0.5), "2"), half[:-5]),
        stream(half),
        stream(event(failed(api.url), "4")),
    )
    track = client.wait(ID)
    assert track.error is not None
    assert (track.status, track.completed, track.error.code) == ("failed", False, "prompt_blocked")
    assert [seen.headers.get("last-event-id") for seen in api.seen] == [None, None, "2", "3"]


@pytest.mark.parametrize(
    "trouble",
    [
        problem(503, "too_many_streams", headers={"Retry_After": "1"}),
        problem(404, "not_found"),
        problem(429, "rate_limited"),
        answer(b"<html>", 502),
        answer(b"<html>", 200, Content_Type="text/html"),
        answer(status=204),
        hang_up,
        cut(b"data: {"),
        stream(b"data: no json\n\n"),
        stream(b"data: []\n\n"),
        stream(b": nothing\n\n"),
        stream(),
    ],
    ids=["503", "404", "429", "502", "html", "204", "hung up", "cut", "no json", "no track",
         "nothing", "empty"],
)  # fmt: skip
def test_where_there_is_no_stream_it_is_polled(api: Scripted, client: Client, trouble: Any) -> None:
    api.script(answer(snapshot(api.url)), trouble, answer(completed(api.url, b"sound")))
    assert client.wait(ID).completed
    assert asked(api) == [OWN, EVENTS, f"{OWN}?wait=10"]


def test_without_a_link_to_events_it_is_polled_but_not_hammered(
    api: Scripted, client: Client
) -> None:
    bare = snapshot(api.url, links={"self": f"{api.url}{OWN}"})
    api.script(answer(bare), answer(bare), answer(bare), answer(completed(api.url, b"sound")))
    began = time.monotonic()
    assert client.wait(ID).completed
    assert time.monotonic() - began >= 2
    assert asked(api) == [OWN, *[f"{OWN}?wait=10"] * 3]


def test_what_has_ended_is_not_followed(api: Scripted, client: Client) -> None:
    api.script(answer(failed(api.url)))
    assert client.wait(ID).status == "failed"
    assert asked(api) == [OWN]


def test_a_wait_ends_when_its_time_is_over(api: Scripted, client: Client) -> None:
    hold = threading.Event()
    api.script(
        answer(snapshot(api.url)), stream(event(running(api, 0.25), "1"), hold=hold), hang_up
    )
    try:
        with pytest.raises(TimedOut) as caught:
            client.wait(ID, timeout=1.5)
    finally:
        hold.set()
    assert (caught.value.code, caught.value.track.progress) == ("timeout", 0.25)
    assert ID in str(caught.value)


def test_heartbeats_alone_do_not_keep_it_for_ever(api: Scripted, client: Client) -> None:
    def beats(handler: Any) -> None:
        handler.head(200, {"Content-Type": "text/event-stream", "Connection": "close"})
        for _ in range(200):
            handler.wfile.write(b": heartbeat\n\n")
            handler.wfile.flush()
            time.sleep(0.05)

    api.script(answer(snapshot(api.url)), beats)
    began = time.monotonic()
    with pytest.raises(TimedOut):
        client.wait(ID, timeout=1)
    assert time.monotonic() - began < 8


def test_a_silent_stream_is_taken_for_dead(
    api: Scripted, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_SILENCE", 0.5)
    hold = threading.Event()
    api.script(answer(snapshot(api.url)), stream(hold=hold), answer(completed(api.url, b"sound")))
    try:
        assert client.wait(ID).completed
    finally:
        hold.set()
    assert asked(api) == [OWN, EVENTS, f"{OWN}?wait=10"]


def test_an_api_that_is_away_for_too_long_ends_the_wait(api: Scripted) -> None:
    api.script(answer(snapshot(api.url)), hang_up)
    with Client(api.url, timeout=1) as client, pytest.raises(Unavailable) as caught:
        client.wait(ID)
    assert caught.value.code == "connection_lost"


def test_a_track_that_was_deleted_meanwhile_is_told(api: Scripted, client: Client) -> None:
    gone = problem(404, "no_such_track")
    api.script(answer(snapshot(api.url)), gone)
    with pytest.raises(Refused) as caught:
        client.wait(ID)
    assert caught.value.code == "no_such_track"


def test_who_stops_following_lets_the_stream_go(api: Scripted, client: Client) -> None:
    hold = threading.Event()
    api.script(answer(snapshot(api.url)), stream(event(running(api, 0.5), "1"), hold=hold))
    with_stream = client.follow(ID)
    assert [next(with_stream).status, next(with_stream).status] == ["queued", "running"]
    with_stream.close()
    hold.set()
    api.script(answer(json.loads(json.dumps(failed(api.url)))))
    assert client.get(ID).status == "failed"
