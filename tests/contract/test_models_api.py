"""``GET /v1/models`` tells what the service itself goes by."""

import math
from typing import Any

import pytest

from services.ingest.tracks import catalog
from shared.models import MODELS
from tests.support.api import Api
from tests.support.tracks import request


@pytest.fixture(scope="module")
def only(public_api: Api) -> dict[str, Any]:
    answer = public_api.client.get("/v1/models")
    assert answer.status_code == 200
    (shown,) = answer.get_json()["models"]
    return dict(shown)


def test_a_model_tells_what_it_can(only: dict[str, Any]) -> None:
    model = MODELS[catalog.MODEL]
    assert (only["id"], only["default"]) == ("lyria-002", True)
    assert (only["clip_seconds"], only["sample_rate"], only["channels"]) == (32.768, 48_000, 2)
    assert only["seconds"] == {"min": 1, "max": 300, "default": 30}
    assert only["prompt_characters"] == {"min": 5, "max": 500}
    assert only["styles"] == list(catalog.STYLES)
    assert only["tempos"] == {
        "words": ["slow", "moderate", "fast"],
        "bpm": {"min": 40, "max": 220},
    }
    assert only["formats"] == ["wav", "flac", "mp3", "ogg", "m4a"]
    assert only["bit_depths"] == [16, 24]
    assert (only["takes_seed"], only["takes_negative_prompt"]) == (True, True)
    assert only["price_usd_per_clip"] == model.price_usd


def test_what_it_names_is_taken(public_api: Api, only: dict[str, Any]) -> None:
    for changes in (
        *({"style": style} for style in only["styles"]),
        *(
            {"tempo": tempo}
            for tempo in (*only["tempos"]["words"], *only["tempos"]["bpm"].values())
        ),
        *({"formats": [name]} for name in only["formats"]),
        *({"bit_depth": bits} for bits in only["bit_depths"]),
        *({"duration_seconds": seconds} for seconds in only["seconds"].values()),
        *({"prompt": "x" * count} for count in only["prompt_characters"].values()),
        {"model": only["id"], "seed": 1, "negative_prompt": "drums"},
    ):
        assert public_api.submit(**changes).status_code == 202, changes


@pytest.mark.parametrize("loop", [False, True])
def test_a_quote_can_be_worked_out_from_it(only: dict[str, Any], *, loop: bool) -> None:
    """As the documentation says, for every length."""
    for tenths in range(10, 3001):
        seconds = tenths / 10
        beyond = seconds + loop * only["loop_seconds"] - only["clip_seconds"]
        each = only["clip_seconds"] - only["overlap_seconds"]
        clips = 1 + max(0, math.ceil(round(beyond / each, 9)))
        asked = request(duration_seconds=seconds, loop=loop)
        assert clips == catalog.clips(asked), seconds
        assert math.isclose(clips * only["price_usd_per_clip"], catalog.quote_usd(asked))


def test_the_quota_is_that_of_the_project(public_api: Api) -> None:
    client = public_api.make(lyria_quota_per_minute=42).test_client()
    assert client.get("/v1/models").get_json()["models"][0]["quota_per_minute"] == 42


def test_it_is_not_sent_again_unchanged(public_api: Api) -> None:
    tag = public_api.client.get("/v1/models").headers["ETag"]
    again = public_api.client.get("/v1/models", headers={"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
