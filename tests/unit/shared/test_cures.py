import re

import pytest

from shared import rules
from shared.cures import CURES, failure
from shared.errors import Code
from shared.retrying import retried
from shared.track import Status
from tests.support.rules import START, TIMING, ending, new

REQUEST = re.compile(r"\b(prompt|seed|expires_in_seconds|Idempotency-Key)\b")
"""What a retry does not take."""


def advice(code: Code) -> list[str]:
    """The cure's pieces of advice, each a part of a sentence."""
    return re.split(r"[;:.] ", CURES[code][0])


@pytest.mark.parametrize("code", list(Code))
def test_only_who_submits_again_is_told_to_change_the_request(code: Code) -> None:
    for piece in advice(code):
        if REQUEST.search(piece):
            assert "ubmit again" in piece, piece


@pytest.mark.parametrize("code", list(Code))
def test_a_retry_is_advised_where_it_may_help_and_nowhere_else(code: Code) -> None:
    error = failure(code, "text")
    assert ("retry" in error.cure.lower()) == error.retryable


@pytest.mark.parametrize("code", [Code.AUDIO_SILENT, Code.AUDIO_CLIPPED, Code.PROMPT_RECITATION])
def test_who_meets_a_bad_clip_may_retry_or_send_something_else(code: Code) -> None:
    cure = CURES[code][0]
    assert cure.startswith("Retry: new versions are made")
    assert "submit again" in cure
    assert "seed" in cure


def test_a_retry_makes_new_versions_as_the_cures_say() -> None:
    tried = new()
    for n in range(1, rules.MAX_VERSIONS + 1):
        tried = rules.refused(tried, 0, n, Code.AUDIO_SILENT)
    again = retried(ending(tried, Status.FAILED, START), "n", START, TIMING)
    assert {refusal.n for refusal in again.refusals} == {1, 2, 3}
    assert not rules.exhausted(again, 0, rules.MAX_VERSIONS + 1)


def test_a_retry_gets_the_same_time_once_more_as_the_cures_say() -> None:
    over = ending(new(lifetime=60), Status.EXPIRED, START)
    later = over.deadline + (over.deadline - START)
    assert retried(over, "n", over.deadline, TIMING).deadline == later
