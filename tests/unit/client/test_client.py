import json
import pickle
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from motif import BadAnswer, Client, Limited, Misuse, MotifError, Refused, Unavailable
from motif.retries import pause, retry_after
from tests.support.scripted import Scripted, Step, answer, cut, hang_up, problem
from tests.support.snapshots import ID, snapshot
from tests.unit.client.conftest import KEY

ACCEPTED = {"request_id": ID, "status": "queued", "quote_usd": 0.06, "links": {}}
HTML = b"<html><h1>502 Bad Gateway</h1></html>"


def test_a_submit_sends_what_was_asked_and_a_key_of_its_own(api: Scripted, client: Client) -> None:
    api.script(answer(ACCEPTED, 202))
    track = client.submit("warm strings", style="jazz", duration_seconds=75, loudness_lufs=None)
    assert (track.request_id, track.status, track.quote_usd) == (ID, "queued", 0.06)
    client.submit("warm strings")
    first, second = api.seen
    assert (first.method, first.path) == ("POST", "/v1/tracks")
    assert first.json() == {
        "prompt": "warm strings", "style": "jazz", "duration_seconds": 75, "loudness_lufs": None,
    }  # fmt: skip
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert first.headers["user-agent"].startswith("motif-client/0.1.0 python/3.")
    assert len(first.headers["idempotency-key"]) == 36
    assert first.headers["idempotency-key"] != second.headers["idempotency-key"]


@pytest.mark.parametrize(
    "trouble",
    [
        problem(429, "rate_limited"),
        problem(503, "store_unavailable"),
        answer(HTML, 502, Content_Type="text/html"),
        answer(HTML, 504, Content_Type="text/html"),
        problem(500, "internal"),
        hang_up,
        cut(b'{"request_id"'),
    ],
    ids=["429", "503", "502", "504", "500", "hung up", "cut"],
)
def test_a_submit_is_repeated_with_its_key(api: Scripted, client: Client, trouble: Step) -> None:
    api.script(trouble, trouble, answer(ACCEPTED, 202))
    assert client.submit("warm strings", idempotency_key="once").request_id == ID
    assert [seen.headers["idempotency-key"] for seen in api.seen] == ["once"] * 3
    assert len({seen.body for seen in api.seen}) == 1


@pytest.mark.parametrize("call", ["retry", "redeliver"])
@pytest.mark.parametrize("trouble", [hang_up, answer(HTML, 502), cut(b"{")])
def test_what_cannot_be_done_twice_is_not_repeated_after_a_lost_answer(
    api: Scripted, client: Client, call: str, trouble: Step
) -> None:
    api.script(trouble)
    with pytest.raises(Unavailable):
        getattr(client, call)(ID)
    assert len(api.seen) == 1


def test_but_it_is_repeated_when_it_was_surely_not_done(api: Scripted, client: Client) -> None:
    api.script(problem(503, "store_unavailable"), answer(ACCEPTED | {"run": 2}, 202))
    assert client.retry(ID).run == 2
    assert len(api.seen) == 2


def test_retry_after_is_kept_in_seconds_and_as_a_date(api: Scripted, client: Client) -> None:
    wrong_clock = datetime(2001, 1, 1, tzinfo=UTC)
    date = {
        "Retry_After": format_datetime(wrong_clock + timedelta(seconds=1), usegmt=True),
        "Date": format_datetime(wrong_clock, usegmt=True),
    }
    in_seconds = problem(429, "rate_limited", headers={"Retry_After": "1"})
    for trouble in (in_seconds, answer({}, 429, **date)):
        api.script(trouble, answer(snapshot(api.url)))
        began = time.monotonic()
        client.get(ID)
        assert time.monotonic() - began >= 1


def test_a_retry_after_beyond_the_time_given_is_not_waited_for(
    api: Scripted, client: Client
) -> None:
    api.script(problem(429, "spend_cap_reached", headers={"Retry_After": "40000"}, cure="Wait."))
    with pytest.raises(Limited) as caught:
        client.submit("warm strings")
    assert len(api.seen) == 1
    assert (caught.value.code, caught.value.retry_after) == ("spend_cap_reached", 40000)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), (" 0 ", 0), ("1.5", 1.5), ("", None), (None, None), ("-1", None), ("soon", None),
     ("9" * 400, None), ("1e9", None), ("\u0663", None),
     ("Fri, 02 Jan 2026 03:04:15 GMT", 10), ("Fri, 02 Jan 2026 03:04:15 -0000", 10),
     ("Fri, 02 Jan 2026 03:04:00 GMT", 0), ("Fri, 99 Jan 2026 03:04:00 GMT", None)],
)  # fmt: skip
def test_what_retry_after_means(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, "Fri, 02 Jan 2026 03:04:05 GMT") == seconds


def test_pauses_grow_and_are_never_shorter_than_asked() -> None:
    def pauses(attempt: int, asked: float | None) -> list[float]:
        error = Limited("rate_limited", "x", retry_after=asked, temporary=True, unheard=True)
        return [pause(error, attempt, repeatable=False) or 0 for _ in range(50)]

    for attempt, shortest in ((0, 0.25), (1, 0.5), (4, 4.0), (5, 8.0), (10_000, 8.0)):
        found = pauses(attempt, None)
        assert min(found) >= shortest
        assert max(found) <= shortest * 1.2
        assert len(set(found)) > 10, "not all at once"
    assert min(pauses(0, 30)) >= 30
    assert max(pauses(0, 30)) <= 36
    assert min(pauses(0, 0)) >= 0.25


def test_a_call_is_given_up_when_its_time_is_over(api: Scripted) -> None:
    api.script(problem(503, "store_unavailable", headers={"Retry_After": "0"}))
    with Client(api.url, timeout=1.5) as client, pytest.raises(Unavailable) as caught:
        client.submit("warm strings", idempotency_key="mine")
    assert 2 <= len(api.seen) <= 8, "asked again, not hammered"
    assert "idempotency key mine" in str(caught.value)
    assert caught.value.status == 503


def test_an_answer_that_only_drips_is_given_up(api: Scripted) -> None:
    def drip(handler: Any) -> None:
        handler.head(200, {"Content-Type": "application/json", "Content-Length": "1000"})
        for _ in range(1000):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)

    api.script(drip)
    began = time.monotonic()
    with Client(api.url, timeout=1) as client, pytest.raises(Unavailable, match="too slowly"):
        client.retry(ID)
    assert time.monotonic() - began < 20


def test_nobody_there_is_unavailable() -> None:
    with Client("http://127.0.0.1:9", timeout=0.5) as client, pytest.raises(Unavailable) as caught:
        client.get(ID)
    assert (caught.value.code, caught.value.status) == ("unreachable", 0)


def test_a_refusal_carries_all_that_the_api_told(api: Scripted, client: Client) -> None:
    lines = [{"line": 3, "field": "prompt", "code": "missing_field"}]
    api.script(problem(400, "invalid_field", field="style", cure="Use jazz.", errors=lines))
    with pytest.raises(Refused) as caught:
        client.submit("warm strings", style="polka")
    assert caught.value.as_dict() == {
        "code": "invalid_field", "message": "It is invalid_field.", "field": "style",
        "cure": "Use jazz.", "status": 400, "request_id": "r-1",
    }  # fmt: skip
    assert caught.value.errors == (lines[0],)
    assert str(caught.value) == "It is invalid_field. Use jazz."
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), again.as_dict()) == (Refused, caught.value.as_dict())
    assert len(api.seen) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, HTML, Refused),
        (403, b"", Refused),
        (422, b"\xff\xfe", Refused),
        (400, b"[" * 100_000, Refused),
        (400, b'{"code": 7, "detail": ["x"], "errors": "no"}', Refused),
        (200, HTML, BadAnswer),
        (200, b"", BadAnswer),
        (200, b"[1]", BadAnswer),
        (200, b"{" * 100_000, BadAnswer),
        (200, b'{"request_id": 7, "status": "queued"}', BadAnswer),
        (200, b'{"request_id": "x"}', BadAnswer),
        (200, b'{"request_id": "x", "status": "queued", "progress": "much"}', BadAnswer),
        (200, b'{"request_id": "x", "status": "queued", "progress": true}', BadAnswer),
        (200, b'{"request_id": "x", "status": "queued", "progress": 1' + b"0" * 400 + b"}",
         BadAnswer),
        (200, b'{"request_id": "x", "status": "queued", "links": {"self": 1}}', BadAnswer),
        (200, b'{"request_id": "x", "status": "queued", "audio": {}}', BadAnswer),
        (200, b'{"request_id": "x", "status": "queued", "timings": {"ended_at": "y"}}', BadAnswer),
        (204, b"", BadAnswer),
        (301, b"", BadAnswer),
        (599, b"", Unavailable),
    ],
)  # fmt: skip
def test_odd_answers_are_errors_of_the_family(
    api: Scripted, client: Client, status: int, body: bytes, kind: type[MotifError]
) -> None:
    api.script(answer(body, status))
    with pytest.raises(MotifError) as caught:
        client.get(ID)
    assert type(caught.value) is kind
    assert caught.value.status in (status, 0)


def test_an_answer_that_lies_about_its_encoding_is_an_error_of_the_family(
    api: Scripted, client: Client
) -> None:
    api.script(answer(b"no gzip", Content_Encoding="gzip"))
    with pytest.raises(BadAnswer):
        client.get(ID)


def test_an_endless_answer_is_given_up(api: Scripted, client: Client) -> None:
    api.script(answer(b" " * 17_000_000))
    with pytest.raises(BadAnswer, match="too long"):
        client.get(ID)


def test_unknown_members_and_statuses_are_no_trouble(api: Scripted, client: Client) -> None:
    news = {"new": {"deep": 1}, "eta": {"p50": None, "p90": None, "new": 1}}
    api.script(answer(snapshot(api.url, "paused", **news)))
    track = client.get(ID)
    assert (track.status, track.ended, track.completed) == ("paused", False, False)
    assert track.timings.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert track.raw["new"] == {"deep": 1}


def test_a_list_goes_over_all_pages(api: Scripted, client: Client) -> None:
    def page(status: str, after: str, *, more: bool) -> Step:
        return answer({"tracks": [snapshot(api.url, status)], "next": after, "has_more": more})

    empty = answer({"tracks": [], "next": "c2", "has_more": True})
    api.script(page("queued", "c1", more=True), empty, page("failed", "c3", more=False))
    found = [track.status for track in client.tracks(status=["queued", "failed"], style="jazz")]
    assert found == ["queued", "failed"]
    assert [seen.path for seen in api.seen] == [
        "/v1/tracks?status=queued%2Cfailed&style=jazz&limit=50",
        "/v1/tracks?status=queued%2Cfailed&style=jazz&limit=50&after=c1",
        "/v1/tracks?status=queued%2Cfailed&style=jazz&limit=50&after=c2",
    ]


@pytest.mark.parametrize(
    "body", [{}, {"tracks": {}}, {"tracks": [], "has_more": True},
             {"tracks": [], "has_more": True, "next": "same"}, {"tracks": [7]}],
)  # fmt: skip
def test_a_list_that_is_none_ends(api: Scripted, client: Client, body: dict[str, Any]) -> None:
    api.script(answer(body or {"x": 1}))
    with pytest.raises(BadAnswer):
        list(client.tracks())


def test_the_other_calls(api: Scripted, client: Client) -> None:
    day = {"date": "2026-01-02", "tracks": 3, "billed_usd": 0.18, "reserved_usd": 0, "cap_usd": 5,
           "left_usd": 4.82}  # fmt: skip
    attempt = {"number": 1, "status": 204, "started_at": "2026-01-02T03:04:05+00:00"}
    hook = {"state": "delivered", "webhook_id": "msg_1", "attempts": [attempt]}
    api.script(
        answer({"request_id": ID, "result": "cancelling"}),
        answer(status=204),
        answer({"tenant": "acme", "currency": "USD", "cap_usd": None, "days": [day]}),
        answer({"models": [{"id": "lyria-002", "default": True, "price_usd_per_clip": 0.06}]}),
        answer(hook),
        answer(hook, 202),
        answer({"state": "pending", "webhook_id": "msg_2"}, 202),
    )
    assert client.cancel(ID) == "cancelling"
    client.delete(ID)
    assert client.usage(3).days[0].left_usd == 4.82
    assert client.models()[0].price_usd_per_clip == 0.06
    assert client.webhook(ID).attempts[0].status == 204
    assert client.redeliver(ID).state == "delivered"
    assert client.test_webhook("https://x.example/hook", "track.failed").webhook_id == "msg_2"
    own = f"/v1/tracks/{ID}"
    assert [(seen.method, seen.path) for seen in api.seen] == [
        ("POST", f"{own}/cancel"), ("DELETE", own), ("GET", "/v1/usage?days=3"),
        ("GET", "/v1/models"), ("GET", f"{own}/webhook"), ("POST", f"{own}/webhook/redeliver"),
        ("POST", "/v1/webhooks/test"),
    ]  # fmt: skip
    assert json.loads(api.seen[-1].body)["type"] == "track.failed"


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("", ""),
        ("music.example.com", ""),
        ("ftp://music.example.com", ""),
        ("https://", ""),
        ("https://user:pass@music.example.com", ""),
        ("https://music.example.com?x=1", ""),
        ("http://[::1", ""),
        ("http://x:port", ""),
        ("https://music.example.com", "mk_with blank"),
        ("https://music.example.com", "mk_line\nX-Other: 1"),
        ("https://music.example.com", "mk_\u00e9"),
        ("http://music.example.com", "mk_test_id_secret"),
        ("http://localhost.example.com", "mk_test_id_secret"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_is_sent(url: str, key: str) -> None:
    with pytest.raises(Misuse) as caught:
        Client(url, key)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"), [("ALL_PROXY", "gopher://x"), ("SSL_CERT_FILE", "/nowhere/certs.pem")]
)
def test_an_environment_that_cannot_be_used_is_told(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Misuse, match=name):
        Client("https://music.example.com")


@pytest.mark.parametrize("track", ["", "..", "../usage", "a/b", "x" * 65, "a?b", "a b"])
def test_an_id_that_is_none_is_never_sent(client: Client, track: str) -> None:
    with pytest.raises(Misuse):
        client.get(track)


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "\u00e9", "a\r\nb: c"])
def test_an_idempotency_key_that_is_none_is_never_sent(
    api: Scripted, client: Client, key: str
) -> None:
    with pytest.raises(Misuse):
        client.submit("warm strings", idempotency_key=key)
    assert api.seen == []


def test_what_json_cannot_say_is_never_sent(api: Scripted, client: Client) -> None:
    with pytest.raises(Misuse):
        client.submit("warm strings", duration_seconds=float("nan"))
    with pytest.raises(Misuse):
        client.submit("warm strings", style=object())  # type: ignore[arg-type]  # on purpose
    assert api.seen == []


def test_the_environment_says_where_and_as_whom(
    api: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTIF_URL", f"{api.url}/")
    monkeypatch.setenv("MOTIF_API_KEY", "mk_test_env_secret")
    api.script(answer(snapshot(api.url)))
    with Client() as client:
        client.get(ID)
        assert "secret" not in repr(client)
    assert api.seen[0].headers["authorization"] == "Bearer mk_test_env_secret"
