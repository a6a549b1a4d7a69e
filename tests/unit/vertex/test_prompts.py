"""What a prompt is understood to ask for."""

from dataclasses import replace

import pytest

from deploy.local.vertex.music.prompts import STYLES, read


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("tempo", ["slow", "moderate", "fast"])
def test_the_models_prompt_names_style_and_tempo(style: str, tempo: str) -> None:
    brief = read(f"Generate {style} music: a walk by the river, {tempo} tempo")
    assert (brief.style, brief.tempo, brief.bpm) == (style, tempo, None)


def test_the_style_at_the_start_beats_style_words_in_the_text() -> None:
    brief = read("Generate ambient music: a rock concert far away, slow tempo")
    assert brief.style == "ambient"


@pytest.mark.parametrize(
    ("prompt", "style"),
    [
        ("a techno track for running", "electronic"),
        ("string music for a baroque dance", "classical"),
        ("bebop at midnight", "jazz"),
        ("loud punk", "rock"),
        ("a meditation on the sea", "ambient"),
        ("music for a film about bees", "instrumental"),
        ("Generate polka music: with an accordion, fast tempo", "instrumental"),
    ],
)
def test_a_prompt_of_another_form_is_read_by_its_words(prompt: str, style: str) -> None:
    assert read(prompt).style == style


@pytest.mark.parametrize(
    ("tail", "bpm"),
    [
        ("90 BPM", 90),
        ("at 128bpm, moderate tempo", 128),
        ("72.5 BPM tempo", 72.5),
        ("100 BPM or rather 140 BPM", 140),
        ("20 BPM", 40),
        ("400 BPM", 220),
        ("opus 120", None),
    ],
)
def test_beats_per_minute(tail: str, bpm: float | None) -> None:
    assert read(f"Generate rock music: a riff, {tail}").bpm == bpm


@pytest.mark.parametrize(
    ("text", "tail", "tempo"),
    [
        ("a slow dance", "moderate", "slow"),
        ("a slow dance", "fast", "fast"),
        ("presto", "moderate", "fast"),
        ("a dance", "moderate", "moderate"),
    ],
)
def test_moderate_is_the_default_that_other_words_overrule(
    text: str, tail: str, tempo: str
) -> None:
    assert read(f"Generate classical music: {text}, {tail} tempo").tempo == tempo


@pytest.mark.parametrize(
    ("tail", "place"),
    [
        ("", None),
        (", opening section, building up", "opening"),
        (", development section, in full flow", "development"),
        (", climax section, at its height", "climax"),
        (", ending section, coming to a close", "ending"),
        (", opening section, in full flow", None),
        (", climax section, at its height, more", None),
    ],
)
def test_the_last_words_give_a_clip_its_place(tail: str, place: str | None) -> None:
    brief = read(f"Generate rock music: a riff, 90 BPM tempo{tail}", "brass")
    assert brief.place == place
    assert brief.bpm == 90


def test_clips_of_one_piece_differ_in_nothing_but_their_place() -> None:
    prompt = "Generate jazz music: a sad saxophone, slow tempo"
    brief = read(f"{prompt}, climax section, at its height", "piano")
    assert replace(brief, place=None) == read(prompt, "piano")
