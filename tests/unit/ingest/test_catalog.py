import re
from pathlib import Path
from typing import Any

import pytest

from services.generator.audio.encoders import ENCODERS
from services.ingest.tracks import catalog
from shared.messages import TrackRequest
from shared.models import LEAST_LOOP_OVERLAP_SECONDS, MODELS, MOST_OVERLAP_SECONDS

API = (Path(__file__).parents[3] / "docs" / "api.md").read_text()


def request(seconds: float, **changes: Any) -> TrackRequest:
    return TrackRequest(prompt="warm strings", duration_seconds=seconds, **changes)


@pytest.mark.parametrize(
    ("seconds", "loop", "clips", "usd"),
    [
        (1, False, 1, 0.06),
        (30, False, 1, 0.06),
        (32, False, 1, 0.06),
        (32, True, 1, 0.06),
        (32.5, False, 1, 0.06),
        (32.5, True, 2, 0.12),
        (33, False, 2, 0.12),
        (61.7, False, 2, 0.12),
        (120, False, 4, 0.24),
        (300, False, 10, 0.6),
        (300, True, 10, 0.6),
    ],
)
def test_a_quote_is_the_price_of_the_clips(
    seconds: float, loop: bool, clips: int, usd: float
) -> None:
    assert catalog.clips(request(seconds, loop=loop)) == clips
    assert catalog.quote_usd(request(seconds, loop=loop)) == usd


def test_the_default_model_is_one_there_is() -> None:
    assert catalog.MODEL in MODELS
    assert request(1).model == catalog.MODEL


def test_the_documented_price_is_the_models() -> None:
    text = API[API.index("**Price.**") : API.index("**`Idempotency-Key`**")]
    model = MODELS[catalog.MODEL]
    figures = [float(number) for number in re.findall(r"(\d[\d.]*\d|\d) s\b", text)]
    assert figures[:2] == [model.clip_seconds, MOST_OVERLAP_SECONDS]
    assert f"at {model.price_usd} US dollars" in text
    assert f"{model.quota_per_minute} per minute" in text
    assert LEAST_LOOP_OVERLAP_SECONDS == 0.5
    assert "half a second" in text


def test_every_format_that_is_offered_can_be_made() -> None:
    assert set(catalog.FORMATS) == ENCODERS.keys()


def test_what_is_offered_is_documented() -> None:
    rows = {line.split("|")[1].strip(): line for line in API.splitlines() if line.startswith("| `")}
    for name in catalog.FORMATS:
        assert f"`{name}`" in rows["`formats`"]
    for depth in catalog.BIT_DEPTHS:
        assert str(depth) in rows["`bit_depth`"]
