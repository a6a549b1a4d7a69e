"""What a track costs: how many clips it is made of, whatever its joins turn out to be."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.models import LEAST_LOOP_OVERLAP_SECONDS, MODELS, MOST_OVERLAP_SECONDS, Model

LYRIA = MODELS["lyria-002"]
FRAME = 1 / 48_000
TRACKS = st.integers(48_000, 300 * 48_000)
MODEL_SORTS = st.builds(
    replace,
    st.just(LYRIA),
    clip_frames=st.integers(4 * 48_000, 200 * 48_000),
    price_usd=st.sampled_from([0.06, 0.07, 0.1]),
)


def test_the_clip_is_as_the_provider_describes_it() -> None:
    assert (LYRIA.clip_seconds, LYRIA.sample_rate) == (32.768, 48_000)
    assert (LYRIA.price_usd, LYRIA.quota_per_minute) == (0.06, 10)
    assert (LYRIA.takes_seed, LYRIA.takes_negative_prompt) == (True, True)


@pytest.mark.parametrize(
    ("seconds", "clips", "looped"),
    [
        (1, 1, 1),
        (7.3, 1, 1),
        (32.268, 1, 1),
        (32.268 + FRAME, 1, 2),
        (32.768, 1, 2),
        (32.768 + FRAME, 2, 2),
        (33, 2, 2),
        (62.036, 2, 2),
        (62.036 + FRAME, 2, 3),
        (62.5, 2, 3),
        (62.536, 2, 3),
        (62.536 + FRAME, 3, 3),
        (120, 4, 4),
        (299.999, 10, 10),
        (300, 10, 10),
    ],
)
def test_clips_and_costs_of_a_track(seconds: float, clips: int, looped: int) -> None:
    assert (LYRIA.clips(seconds), LYRIA.clips(seconds, loop=True)) == (clips, looped)
    assert LYRIA.quote_usd(seconds) == pytest.approx(clips * 0.06, abs=1e-9)
    assert LYRIA.quote_usd(seconds, loop=True) == pytest.approx(looped * 0.06, abs=1e-9)


def test_quotes_are_plain_sums_of_money() -> None:
    quotes = [LYRIA.quote_usd(seconds) for seconds in (30, 60, 90, 120, 150, 200, 230, 260, 290)]
    assert quotes == [0.06, 0.12, 0.18, 0.24, 0.3, 0.42, 0.48, 0.54, 0.6]


def reach(model: Model, clips: int) -> int:
    """Frames that so many clips surely fill: every join as long as it may be."""
    return clips * model.clip_frames - (clips - 1) * int(MOST_OVERLAP_SECONDS * model.sample_rate)


def needed(model: Model, frames: int, *, loop: bool) -> int:
    return frames + int(LEAST_LOOP_OVERLAP_SECONDS * model.sample_rate) * loop


@given(MODEL_SORTS, TRACKS, st.booleans())
@example(LYRIA, 1_572_864, False)
@example(LYRIA, 1_572_865, False)
@example(LYRIA, 1_548_864, True)
@example(LYRIA, 14_400_000, True)
def test_the_clips_reach_with_the_longest_joins_and_one_fewer_do_not(
    model: Model, frames: int, loop: bool
) -> None:
    clips = model.clips(frames / 48_000, loop=loop)
    assert reach(model, clips) >= needed(model, frames, loop=loop)
    assert clips == 1 or reach(model, clips - 1) < needed(model, frames, loop=loop)


@given(MODEL_SORTS, TRACKS, st.booleans())
@example(LYRIA, 14_400_000, True)
def test_equal_shares_reach_and_no_clip_is_asked_for_more_than_it_has(
    model: Model, frames: int, loop: bool
) -> None:
    seconds = frames / 48_000
    clips, share = model.clips(seconds, loop=loop), model.share(seconds, loop=loop)
    joins = (clips - 1) * int(MOST_OVERLAP_SECONDS * model.sample_rate)
    assert share <= model.clip_frames
    assert clips * share - joins >= needed(model, frames, loop=loop)
    assert clips * (share - 1) - joins < needed(model, frames, loop=loop)


@given(MODEL_SORTS, TRACKS, TRACKS, st.booleans())
def test_a_longer_track_never_costs_less(model: Model, one: int, other: int, loop: bool) -> None:
    short, long = sorted((one / 48_000, other / 48_000))
    assert model.quote_usd(short, loop=loop) <= model.quote_usd(long, loop=loop)
    assert model.quote_usd(short) <= model.quote_usd(short, loop=True)
    assert model.quote_usd(short) == round(model.clips(short) * model.price_usd, 2)
