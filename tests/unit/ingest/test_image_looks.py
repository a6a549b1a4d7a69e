"""Whether an answer about an image can be used."""

import json
from typing import Any

import pytest

from services.ingest.prompts.looks import understood
from services.ingest.tracks.submission import Submission

GOOD: dict[str, Any] = {
    "mood": "golden, wistful",
    "energy": 0.2,
    "palette": ["amber", "rose"],
    "style": "ambient",
    "tempo": "slow",
    "prompt": "warm pads and a distant felt piano that glows and slowly fades away",
}


def said(**changes: Any) -> str:
    return json.dumps(GOOD | changes)


def test_a_good_answer_is_ready_for_a_track() -> None:
    look = understood(said())
    assert look
    body = {name: getattr(look, name) for name in ("prompt", "style", "tempo")}
    assert Submission.model_validate(body).prompt == GOOD["prompt"]


@pytest.mark.parametrize(
    "changes",
    [
        {"style": "polka"},
        {"tempo": "andante"},
        {"tempo": 90},
        {"energy": 1.5},
        {"energy": "high"},
        {"palette": []},
        {"palette": ["x"] * 9},
        {"mood": ""},
        {"mood": "x" * 61},
        {"prompt": "soft strings"},
        {"prompt": "word " * 61},
        {"prompt": "antidisestablishmentarianism " * 20},
        {"prompt": GOOD["prompt"] + " \u202eevil"},
        {"prompt": GOOD["prompt"] + " in the style of someone"},
        {"prompt": GOOD["prompt"] + ", reminiscent of older days"},
        {"prompt": "a piece as Miles Davis would have played it late at night in a bar"},
    ],
    ids=lambda changes: f"{changes}"[:40],
)
def test_what_does_not_fit_is_no_answer(changes: dict[str, Any]) -> None:
    assert understood(said(**changes)) is None


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", "Here you are: {}", said()[:-5], "\ud800"]
)
def test_what_is_no_such_json_is_no_answer(text: str) -> None:
    assert understood(text) is None


def test_blanks_and_new_words_are_no_reason_to_ask_again() -> None:
    look = understood(said(prompt=f"  {GOOD['prompt']}\n\n and on", tokens=3))
    assert look
    assert look.prompt == f"{GOOD['prompt']} and on"
