"""What a prompt is understood to ask for."""

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


def test_moods_have_brightness_and_energy() -> None:
    happy, sad, calm, angry = (
        read(f"Generate rock music: {word}, moderate tempo")
        for word in ("joyful", "melancholic", "calm", "angry")
    )
    assert happy.brightness > 0 > sad.brightness
    assert angry.energy > 0 > calm.energy
    assert read("a tune in a minor key").brightness < 0 < read("in C major").brightness
    assert read("a table").brightness == 0


def test_the_first_instrument_named_leads() -> None:
    assert read("a cello and a flute").lead == 42
    assert read("wind over snow").lead is None


def test_unwanted_instruments_come_from_either_text() -> None:
    brief = read("a song without drums, no piano, with strings", "vocals, electric guitar")
    assert brief.avoid == {"drums", "piano", "choir", "guitar"}
    assert brief.lead == 48
