import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.model import ClipRequest
from services.generator.prompt import SEEDS, clip_request, seed
from shared.messages import TrackRequest

IDS = st.uuids().map(str)


def track(**changes: object) -> TrackRequest:
    return TrackRequest(prompt="warm strings", duration_seconds=20).model_copy(update=changes)


@pytest.mark.parametrize(
    ("changes", "prompt"),
    [
        ({}, "Generate instrumental music: warm strings, moderate tempo"),
        ({"style": "jazz"}, "Generate jazz music: warm strings, moderate tempo"),
        ({"tempo": "slow"}, "Generate instrumental music: warm strings, slow tempo"),
        ({"tempo": "96"}, "Generate instrumental music: warm strings, 96 BPM tempo"),
        (
            {"prompt": "strings, {style} 100% %s"},
            "Generate instrumental music: strings, {style} 100% %s, moderate tempo",
        ),
    ],
)
def test_the_prompt_has_the_first_services_form(changes: dict[str, str], prompt: str) -> None:
    assert clip_request(track(**changes), "r1", 0, 1).prompt == prompt


def test_what_is_asked_depends_on_nothing_else() -> None:
    plain = clip_request(track(seed=5, negative_prompt="drums"), "r1", 1, 2)
    asked = clip_request(
        track(
            seed=5,
            negative_prompt="drums",
            metadata={"k": "v"},
            callback_url="https://hooks.example/",
            loudness_lufs=(),
            duration_seconds=7,
        ),
        "r2",
        1,
        2,
    )
    assert plain == asked == ClipRequest(plain.prompt, "drums", plain.seed)


@given(st.integers(0, SEEDS - 1), IDS)
def test_the_callers_seed_is_the_first_versions(own: int, request_id: str) -> None:
    assert seed(track(seed=own), request_id, 0, 1) == own


@given(st.integers(-1, SEEDS - 1), IDS, st.integers(0, 20), st.integers(1, 50))
def test_a_seed_is_repeatable_and_one_that_the_model_takes(
    own: int, request_id: str, clip: int, n: int
) -> None:
    first = seed(track(seed=own), request_id, clip, n)
    assert 0 <= first < 2**31
    assert seed(track(seed=own), request_id, clip, n) == first


@given(st.integers(-1, SEEDS - 1), IDS)
def test_no_two_versions_of_a_tracks_clips_share_a_seed(own: int, request_id: str) -> None:
    seeds = [seed(track(seed=own), request_id, clip, n) for clip in range(12) for n in range(1, 31)]
    assert len(set(seeds)) == len(seeds)


def test_without_a_seed_it_is_the_ids() -> None:
    assert seed(track(), "r1", 0, 1) != seed(track(), "r2", 0, 1)
    assert seed(track(seed=0), "r1", 0, 1) == 0
