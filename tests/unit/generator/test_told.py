"""What operators are told of a call of the model."""

import logging
from contextlib import suppress
from typing import Any

import pytest

from services.generator import told
from services.generator.model import ModelUnavailable, NothingToStore, QuotaExceeded, ReplyLost
from services.generator.prompt import Version
from services.generator.stops import Parked
from shared.errors import Code, PermanentError, StorageUnavailable
from shared.track import Park


def heard(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    (record,) = caplog.records
    assert record.getMessage() == "model called"
    return vars(record)


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


@pytest.mark.parametrize(
    ("exc", "outcome", "code"),
    [
        (NothingToStore("x", code=Code.PROMPT_RECITATION), "refused", "prompt_recitation"),
        (QuotaExceeded("x"), "quota", "model_quota"),
        (ReplyLost("x"), "timeout", "model_timeout"),
        (ModelUnavailable("x"), "failed", "model_unavailable"),
        (PermanentError("x", code=Code.PROMPT_BLOCKED), "blocked", "prompt_blocked"),
        (PermanentError("x", code=Code.PROMPT_LANGUAGE), "blocked", "prompt_language"),
        (PermanentError("x", code=Code.MODEL_REJECTED), "failed", "model_rejected"),
        (RuntimeError("x"), "failed", "internal"),
    ],
)
def test_a_failed_call_is_told_by_its_own_reason(
    caplog: pytest.LogCaptureFixture, exc: Exception, outcome: str, code: str
) -> None:
    with suppress(Parked), told.call("lyria-002", Version(0, 2)) as call:
        call.failed(exc)
        call.answered()
        raise Parked(Park.FAULT, "what it led to")

    line = heard(caplog)
    assert (line["model"], line["outcome"], line["code"]) == ("lyria-002", outcome, code)
    assert line["seconds"] >= 0


def test_a_refusal_that_nobody_raises_on_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with told.call("lyria-002", Version(0, 2)) as call:
        call.failed(NothingToStore("x", code=Code.MODEL_REJECTED))

    assert heard(caplog)["outcome"] == "refused"


def test_a_stored_clip_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with told.call("lyria-002", Version(0, 2)) as call:
        call.answered()

    assert (heard(caplog)["outcome"], heard(caplog)["code"]) == ("stored", "")


def test_a_clip_that_could_not_be_stored_is_a_lost_call(caplog: pytest.LogCaptureFixture) -> None:
    with suppress(StorageUnavailable), told.call("lyria-002", Version(0, 2)) as call:
        call.answered()
        raise StorageUnavailable("away")

    assert (heard(caplog)["outcome"], heard(caplog)["code"]) == ("lost", "storage_unavailable")
