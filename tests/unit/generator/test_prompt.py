import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.model import ClipRequest
from services.generator.prompt import SEEDS, Version, clip_request, place, seed
from shared.messages import TrackRequest

IDS = st.uuids().map(str)
WHOLE = Version(0, 1)


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
    assert clip_request(track(**changes), "r1", WHOLE).prompt == prompt


def test_what_is_asked_depends_on_nothing_else() -> None:
    plain = clip_request(track(seed=5, negative_prompt="drums"), "r1", Version(1, 3, 2))
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
        Version(1, 3, 2),
    )
    assert plain == asked == ClipRequest(plain.prompt, "drums", plain.seed)


@given(st.integers(0, SEEDS - 1), IDS)
def test_the_callers_seed_is_the_first_versions(own: int, request_id: str) -> None:
    assert seed(track(seed=own), request_id, WHOLE) == own


@given(st.integers(-1, SEEDS - 1), IDS, st.integers(0, 20), st.integers(1, 50))
def test_a_seed_is_repeatable_and_one_that_the_model_takes(
    own: int, request_id: str, clip: int, n: int
) -> None:
    first = seed(track(seed=own), request_id, Version(clip, 21, n))
    assert 0 <= first < 2**31
    assert seed(track(seed=own), request_id, Version(clip, 21, n)) == first


@given(st.integers(-1, SEEDS - 1), IDS)
def test_no_two_versions_of_a_tracks_clips_share_a_seed(own: int, request_id: str) -> None:
    seeds = [
        seed(track(seed=own), request_id, Version(clip, 21, n))
        for clip in range(12)
        for n in range(1, 31)
    ]
    assert len(set(seeds)) == len(seeds)


def test_without_a_seed_it_is_the_ids() -> None:
    assert seed(track(), "r1", WHOLE) != seed(track(), "r2", WHOLE)
    assert seed(track(seed=0), "r1", WHOLE) == 0


@pytest.mark.parametrize(
    ("count", "places"),
    [
        (1, [""]),
        (2, ["opening", "ending"]),
        (3, ["opening", "climax", "ending"]),
        (5, ["opening", "development", "development", "climax", "ending"]),
    ],
)
def test_each_clip_is_told_its_place(count: int, places: list[str]) -> None:
    assert [place(Version(i, count)).partition(" ")[0] for i in range(count)] == places


def test_the_place_follows_what_the_caller_wrote() -> None:
    prompt = clip_request(track(), "r1", Version(0, 2)).prompt
    assert prompt == (
        "Generate instrumental music: warm strings, moderate tempo, opening section, building up"
    )
