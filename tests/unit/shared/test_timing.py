from dataclasses import fields, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.settings import CommonSettings
from shared.timing import Timing

CHAIN = ["model_attempt", "budget", "request_timeout", "ack_deadline"]
HELD = ["renew", "fresh", "lease"]


def test_the_chain_holds_as_it_is() -> None:
    timing = Timing()
    assert timing.check() is timing
    assert [getattr(timing, name) for name in CHAIN] == [120, 480, 540, 600]
    assert [getattr(timing, name) for name in HELD] == [30, 45, 90]


@given(st.floats(1e-6, 1))
def test_scaling_keeps_the_chain(factor: float) -> None:
    scaled = Timing().scaled(factor).check()
    for field in fields(Timing):
        assert getattr(scaled, field.name) == pytest.approx(getattr(Timing(), field.name) * factor)


@pytest.mark.parametrize(
    ("name", "next_name"),
    [*pairwise(CHAIN), *pairwise(HELD)],
)
def test_a_link_that_is_as_long_as_the_next_breaks_the_chain(name: str, next_name: str) -> None:
    long = getattr(Timing(), next_name)
    for length in (long, long + 0.001, long * 100):
        with pytest.raises(ValueError, match="time chain must grow"):
            replace(Timing(), **{name: length}).check()


@pytest.mark.parametrize("name", [*CHAIN, *HELD])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_no_link_is_nothing(name: str, value: float) -> None:
    with pytest.raises(ValueError, match="time chain must grow"):
        replace(Timing(), **{name: value}).check()


@pytest.mark.parametrize("attempt", [30, 31])
def test_a_webhook_attempt_ends_before_its_lease(attempt: float) -> None:
    with pytest.raises(ValueError, match="webhook attempt"):
        replace(Timing(), webhook_attempt=attempt).check()


def test_settings_scale_everything_together() -> None:
    settings = CommonSettings(gcp_project="p", time_scale=0.01)
    assert settings.timing() == Timing().scaled(0.01)


@pytest.mark.parametrize("scale", [0, -1, 1.01, float("nan"), float("inf")])
def test_time_is_never_stretched_or_stopped(scale: float) -> None:
    with pytest.raises(ValidationError, match="time_scale"):
        CommonSettings(gcp_project="p", time_scale=scale)
