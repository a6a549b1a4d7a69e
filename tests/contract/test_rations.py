"""How many looks at images a tenant has, over all instances."""

import secrets

import pytest

from services.ingest.prompts.rations import Rations
from shared.problems import Problem
from tests.support.api import Api

MANY = 10_000


@pytest.fixture
def tenant() -> str:
    return f"t-{secrets.token_hex(6)}"


def rations(api: Api, *, minute: int = MANY, day: int = MANY) -> Rations:
    """Those of one more instance."""
    return Rations(api.store, per_minute=minute, per_day=day)


def refused(mine: Rations, tenant: str) -> str:
    """What the refusal says: there is no look left."""
    with pytest.raises(Problem) as caught:
        mine.take(tenant)
    assert (caught.value.status, caught.value.code) == (429, "too_many_images")
    return caught.value.detail


def test_each_refusal_names_its_own_limit(public_api: Api, tenant: str) -> None:
    minute = rations(public_api, minute=1)
    minute.take(tenant)
    assert "than 1 new images in a minute" in refused(minute, tenant)
    day = rations(public_api, day=1)
    day.take(f"{tenant}-2")
    assert "than 1 new images in a day" in refused(day, f"{tenant}-2")


def test_no_tenant_uses_anothers_looks(public_api: Api, tenant: str) -> None:
    mine = rations(public_api, minute=1, day=1)
    for number in range(3):
        mine.take(f"{tenant}-{number}")
        refused(mine, f"{tenant}-{number}")


def test_minutes_and_days_are_counted_apart(public_api: Api, tenant: str) -> None:
    mine = rations(public_api, minute=4, day=4)
    for _ in range(4):
        mine.take(tenant)
    refused(mine, tenant)


def test_all_instances_share_them_to_the_last(public_api: Api, tenant: str) -> None:
    one, other = rations(public_api, day=24), rations(public_api, day=24)
    for _ in range(12):  # none holds more than it has used
        one.take(tenant)
    for _ in range(12):
        other.take(tenant)
    refused(one, tenant)
    refused(other, tenant)


def test_who_has_none_left_for_the_day_keeps_those_of_the_minute(
    public_api: Api, tenant: str
) -> None:
    mine = rations(public_api, minute=2, day=1)
    mine.take(tenant)
    for _ in range(4):
        assert "in a day" in refused(mine, tenant)


@pytest.mark.parametrize("limits", [{"minute": 1}, {"day": 1}], ids=["minute", "day"])
def test_what_nobody_has_looked_at_comes_back_once(
    public_api: Api, tenant: str, limits: dict[str, int]
) -> None:
    mine = rations(public_api, **limits)
    mine.take(tenant)
    mine.untake(tenant)
    mine.take(tenant)
    refused(mine, tenant)
