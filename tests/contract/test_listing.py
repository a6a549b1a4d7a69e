"""The list of tracks over the real store: order, pages, filters, and what is left out."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from services.ingest.edge.cursors import Cursor
from shared.messages import TrackRequest
from shared.ports import Create
from shared.track import TRACKS, Status, Track
from tests.support.api import BASE, Api, failed, refused
from tests.support.tracks import new_track

DAY = timedelta(days=1)


def listed(api: Api, **query: object) -> dict[str, Any]:
    """One page."""
    answer = api.client.get(f"/v1/tracks?{urlencode(query)}")
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def ids(page: dict[str, Any]) -> list[str]:
    return [track["request_id"] for track in page["tracks"]]


def walked(api: Api, **query: object) -> list[list[str]]:
    """The ids of all pages, each asked for by the link of the one before."""
    page = listed(api, **query)
    pages = [ids(page)]
    while page["has_more"]:
        url = urlsplit(page["links"]["next"])
        assert f"{url.scheme}://{url.netloc}{url.path}" == f"{BASE}/v1/tracks"
        page = api.client.get(f"{url.path}?{url.query}").get_json()
        pages.append(ids(page))
    return pages


def rows(api: Api, count: int, apart: float = 1.0, **fields: Any) -> list[str]:
    """Tracks that are so many seconds *apart*, newest first; a batch of their own."""
    made = [new_track(api.store) for _ in range(count)]
    now = made[0].created_at
    for number, track in enumerate(made):
        at = now - timedelta(seconds=number * apart)
        api.store.commit(Create(TRACKS, track.request_id, replace(track, created_at=at, **fields)))
    return [track.request_id for track in made]


def batch() -> str:
    return uuid.uuid4().hex


def test_a_list_of_nothing_can_be_gone_on_from(public_api: Api) -> None:
    of = batch()
    page = listed(public_api, batch=of)
    assert (page["tracks"], page["has_more"]) == ([], False)
    assert page["links"]["self"] == page["links"]["next"]
    (only,) = rows(public_api, 1, batch_id=of)
    assert walked(public_api, batch=of, after=page["next"]) == [[only]]


def test_a_list_shows_what_each_track_shows(public_api: Api) -> None:
    request_id = public_api.accepted(
        metadata={"title": "dawn"}, callback_url="https://hooks.example/"
    )
    shown = public_api.state(request_id)
    (item,) = [track for track in listed(public_api)["tracks"] if track["request_id"] == request_id]
    assert item == {name: shown[name] for name in shown if name not in ("webhook", "eta")}


@pytest.mark.parametrize("limit", [1, 4, 5, 12, 13, 100])
def test_pages_go_from_the_newest_to_the_oldest(public_api: Api, limit: int) -> None:
    of = batch()
    made = rows(public_api, 12, batch_id=of)
    assert walked(public_api, batch=of, limit=limit) == [
        made[at : at + limit] for at in range(0, 12, limit)
    ]


def test_tracks_of_one_moment_are_told_apart_by_their_ids(public_api: Api) -> None:
    of = batch()
    made = rows(public_api, 9, apart=0, batch_id=of)
    assert walked(public_api, batch=of, limit=2) == [
        sorted(made, reverse=True)[at : at + 2] for at in range(0, 9, 2)
    ]


def test_fifty_make_a_page(public_api: Api) -> None:
    of = batch()
    rows(public_api, 51, batch_id=of)
    assert [len(page) for page in walked(public_api, batch=of)] == [50, 1]


def test_filters_narrow_the_list_down(public_api: Api) -> None:
    of = batch()
    made = {
        (style, status): rows(
            public_api,
            1,
            batch_id=of,
            status=status,
            request=TrackRequest(prompt="warm strings", duration_seconds=20, style=style),
        )[0]
        for style in ("jazz", "rock")
        for status in Status
    }

    def found(**query: str) -> set[tuple[str, Status]]:
        (page,) = walked(public_api, batch=of, **query)
        assert len(page) == len(set(page))
        return {key for key, request_id in made.items() if request_id in page}

    jazz = {("jazz", status) for status in Status}
    assert found() == set(made)
    assert found(style="jazz") == jazz
    assert found(style="jazz", status="failed") == {("jazz", Status.FAILED)}
    over = {("rock", Status.COMPLETED), ("rock", Status.EXPIRED)}
    assert found(style="rock", status="completed,expired") == over
    assert found(status=",".join(Status)) == set(made)
    assert found(style="ambient") == set()


def test_a_cursor_is_a_place_whatever_the_filters(public_api: Api) -> None:
    of = batch()
    made = rows(public_api, 4, batch_id=of)
    public_api.end(made[3], failed())
    half = listed(public_api, batch=of, limit=2)
    assert ids(half) == made[:2]
    assert ids(listed(public_api, batch=of, status="failed", after=half["next"])) == [made[3]]


def test_another_tenants_tracks_are_not_listed(public_api: Api) -> None:
    of = batch()
    rows(public_api, 2, batch_id=of, tenant="acme")
    mine = rows(public_api, 1, batch_id=of)
    assert walked(public_api, batch=of) == [mine]


def past(api: Api) -> datetime:
    api.document("clock")
    return api.store.clock.now() - DAY


def test_what_is_over_or_erased_is_left_out_and_pages_stay_full(public_api: Api) -> None:
    of = batch()
    made = rows(public_api, 16, batch_id=of)
    for number, request_id in enumerate(made):
        if number % 4 == 1:
            public_api.change(request_id, expire_at=past(public_api))
        if number % 4 == 2:
            public_api.change(request_id, erased=True)
    left = [one for number, one in enumerate(made) if number % 4 in (0, 3)]
    assert walked(public_api, batch=of, limit=4) == [left[:4], left[4:]]
    assert walked(public_api, batch=of, limit=8) == [left]


def test_many_that_were_erased_cost_no_page(public_api: Api) -> None:
    of = batch()
    made = rows(public_api, 22, batch_id=of)
    for request_id in made[1:-1]:
        public_api.change(request_id, erased=True)
    assert walked(public_api, batch=of, limit=1) == [[made[0]], [made[-1]]]


def test_behind_many_that_are_over_the_list_goes_on(public_api: Api) -> None:
    of = batch()
    made = rows(public_api, 1, batch_id=of)
    over = [replace(track_of(public_api, made[0]), request_id=str(uuid.uuid4())) for _ in range(20)]
    for number, track in enumerate(over):
        older = track.created_at - timedelta(seconds=1 + number)
        gone = replace(track, created_at=older, expire_at=past(public_api))
        public_api.store.commit(Create(TRACKS, track.request_id, gone))
    last = replace(over[0], request_id=str(uuid.uuid4()), created_at=past(public_api))
    public_api.store.commit(Create(TRACKS, last.request_id, last))
    pages = walked(public_api, batch=of, limit=1)
    assert [one for page in pages for one in page] == [made[0], last.request_id]
    assert listed(public_api, batch=of, limit=100)["has_more"] is False


def track_of(api: Api, request_id: str) -> Track:
    track = api.document(request_id).value
    assert track
    return track


def test_submits_while_somebody_pages_change_nothing_for_him(public_api: Api) -> None:
    before = {public_api.accepted() for _ in range(30)}
    stop = threading.Event()

    def submits() -> int:
        made = 0
        while not stop.is_set():
            public_api.accepted()
            made += 1
        return made

    with ThreadPoolExecutor(2) as pool:
        meanwhile = [pool.submit(submits) for _ in range(2)]
        try:
            walks = [[one for page in walked(public_api, limit=3) for one in page]]
            walks.append([one for page in walked(public_api, limit=7) for one in page])
        finally:
            stop.set()
        assert sum(one.result() for one in meanwhile) > 0
    for walk in walks:
        assert len(walk) == len(set(walk))
        assert before <= set(walk)


WRONG = [
    *({"limit": text} for text in ("0", "101", "-1", "1.0", "ten", "", "1e1", "\u0661", " 5")),
    *({"after": text} for text in ("", "x", "AAAA", "MC4w=", "!", "\u00fc", "a" * 500)),
    {"after": Cursor(datetime.fromisoformat("2026-01-01T00:00Z"), "msg_" + "a" * 52).text()},
    {"after": Cursor(datetime.fromisoformat("2026-01-01T00:00Z"), "../x").text()},
    *({"status": text} for text in ("", "done", "queued,", "Queued", "queued, failed", "ended")),
    *({"style": text} for text in ("", "polka", "Jazz", "jazz,rock")),
    *({"batch": text} for text in ("", "b" * 65)),
    *({name: "1"} for name in ("page", "offset", "Limit", "wait", "tenant", "")),
]


@pytest.mark.parametrize("query", WRONG, ids=urlencode)
def test_a_query_that_cannot_be_read_is_refused(public_api: Api, query: dict[str, str]) -> None:
    answer = public_api.client.get(f"/v1/tracks?{urlencode(query)}")
    told = refused(answer, 400, "invalid_field")
    (name,) = query
    assert (told.get("field", ""), bool(told["cure"])) == (name, True)


def test_a_parameter_that_comes_twice_is_refused(public_api: Api) -> None:
    answer = public_api.client.get("/v1/tracks?status=queued&status=failed")
    assert refused(answer, 400, "invalid_field")["field"] == "status"
