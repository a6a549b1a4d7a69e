"""``GET /v1/usage``: what is told agrees with what was done."""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from shared.endings import Ending
from shared.ports import Create
from shared.track import USAGE, Status, UsageRow
from tests.support.api import GOOD, Api, failed, refused
from tests.support.keyed import Keyed
from tests.support.messages import completed_event

QUOTE = 0.06
RESULT = completed_event().result[0].model_copy(update={"cost_usd": QUOTE})


@pytest.fixture
def keyed(public_api: Api) -> Keyed:
    return Keyed(public_api)


def tenant() -> str:
    return f"t-{uuid.uuid4().hex[:12]}"


def usage(client: FlaskClient, query: str = "") -> dict[str, Any]:
    answer = client.get(f"/v1/usage{query}")
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def submitted(client: FlaskClient) -> str:
    answer = client.post("/v1/tracks", json=GOOD)
    assert answer.status_code == 202, answer.text
    return str(answer.get_json()["request_id"])


def row(name: str, day: date, billed: int) -> UsageRow:
    return UsageRow(
        request_id=str(uuid.uuid4()),
        tenant=name,
        run=1,
        status=Status.COMPLETED,
        model="lyria-002",
        provider_calls=1,
        billed_usd=billed / 1_000_000,
        ended_at=datetime.now(UTC),
        day=day.isoformat(),
        billed=billed,
    )


def test_today_adds_up_to_the_cap(public_api: Api, keyed: Keyed) -> None:
    name = tenant()
    client = keyed.client(keyed.key(name, daily_cap_usd=1.0))
    ids = [submitted(client) for _ in range(4)]
    public_api.end(ids[0], Ending(Status.COMPLETED, result=RESULT))
    public_api.end(ids[1], failed())
    told = usage(client, "?days=1")
    assert (told["tenant"], told["currency"], told["cap_usd"]) == (name, "USD", 1.0)
    (today,) = told["days"]
    assert today == {
        "date": datetime.now(UTC).date().isoformat(),
        "tracks": 4,
        "billed_usd": QUOTE,
        "reserved_usd": 2 * QUOTE,
        "cap_usd": 1.0,
        "left_usd": pytest.approx(1.0 - 3 * QUOTE),
    }
    for _ in range(13):
        submitted(client)
    assert client.post("/v1/tracks", json=GOOD).status_code == 429
    assert usage(client, "?days=1")["days"][0]["left_usd"] == pytest.approx(0.04)


def test_a_retry_counts_as_a_run_of_its_day(public_api: Api, keyed: Keyed) -> None:
    client = keyed.client(keyed.key(tenant(), daily_cap_usd=1.0))
    request_id = submitted(client)
    public_api.end(request_id, failed())
    assert client.post(f"/v1/tracks/{request_id}/retry").status_code == 202
    (today,) = usage(client, "?days=1")["days"]
    assert (today["tracks"], today["billed_usd"], today["reserved_usd"]) == (2, 0.0, QUOTE)


def test_days_come_newest_first_and_only_today_has_a_cap(public_api: Api, keyed: Keyed) -> None:
    name = tenant()
    client = keyed.client(keyed.key(name, daily_cap_usd=1.0))
    today = datetime.now(UTC).date()
    for ago, billed in ((1, 60_000), (1, 120_000), (40, 180_000)):
        day = row(name, today - timedelta(days=ago), billed)
        public_api.store.commit(Create(USAGE, day.request_id, day))
    for query, length in (("", 30), ("?days=90", 90), ("?days=7", 7)):
        days = usage(client, query)["days"]
        assert [day["date"] for day in days] == [
            (today - timedelta(days=ago)).isoformat() for ago in range(length)
        ]
        assert [day["cap_usd"] for day in days] == [1.0] + [None] * (length - 1)
        assert (days[1]["tracks"], days[1]["billed_usd"]) == (2, 0.18)
        assert days[1]["left_usd"] is None
    days = usage(client, "?days=90")["days"]
    assert [day["tracks"] for day in days if day["tracks"]] == [2, 1]
    assert days[40]["billed_usd"] == 0.18


def test_without_limits_there_is_no_cap(public_api: Api) -> None:
    public_api.accepted()
    told = usage(public_api.client, "?days=1")
    assert (told["tenant"], told["cap_usd"]) == ("local", None)
    (today,) = told["days"]
    assert (today["cap_usd"], today["left_usd"]) == (None, None)
    assert today["reserved_usd"] >= QUOTE


def test_nobody_sees_anothers(keyed: Keyed) -> None:
    mine, other = (keyed.client(keyed.key(tenant())) for _ in range(2))
    submitted(mine)
    assert usage(other, "?days=1")["days"][0]["tracks"] == 0
    refused(keyed.client().get("/v1/usage"), 401, "unauthenticated")


@pytest.mark.parametrize("days", ["0", "91", "-1", "x", "", "1.5", "100", "1e1"])
def test_other_numbers_of_days_are_refused(public_api: Api, days: str) -> None:
    body = refused(public_api.client.get(f"/v1/usage?days={days}"), 400, "invalid_field")
    assert body["field"] == "days"
