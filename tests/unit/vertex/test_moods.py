"""Feelings as notes: mode, register and density follow the words, in every style."""

import pytest

from deploy.local.vertex.music.compose import compose
from deploy.local.vertex.music.moods import Mood, mood
from deploy.local.vertex.music.prompts import STYLES, read
from deploy.local.vertex.music.wav import SECONDS

TEXTS = ("a letter, a {} one", "the road is {} here", "{} hours at home")
PAIRS = [
    ("happy", "sad", "mode register density"),
    ("bright", "dark", "mode register"),
    ("peaceful", "angry", "mode register denser"),
    ("dreamy", "tense", "mode register denser"),
    ("gentle", "aggressive", "mode register denser"),
    ("dense", "calm", "density"),
    ("epic", "sparse", "density"),
    ("light", "heavy", "register denser"),
]
"""What the first word has more of than the second (`denser`: less)."""


def measured(style: str, word: str) -> dict[str, float]:
    """Share of major, mean pitch above the bass, notes per second, at one tempo."""
    modes, pitches, count = [], [], 0
    for seed, text in enumerate(TEXTS):
        prompt = f"Generate {style} music: {text.format(word)}, 100 BPM tempo"
        piece, parts = compose(read(prompt), seed)
        modes.append(piece.major)
        count += sum(len(part.notes) for part in parts)
        for part in parts:
            if part.line.figure not in {"bass", "drums", "walk"}:
                pitches += [note.pitch for note in part.notes]
    return {
        "mode": sum(modes) / len(TEXTS),
        "register": sum(pitches) / len(pitches),
        "density": count / len(TEXTS) / SECONDS,
    }


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("one", "other", "axes"), PAIRS)
def test_moods_are_heard(style: str, one: str, other: str, axes: str) -> None:
    first, second = measured(style, one), measured(style, other)
    if "mode" in axes:
        assert (first["mode"], second["mode"]) == (1, 0)
    if "register" in axes:
        assert first["register"] - second["register"] > 2
    if "density" in axes:
        assert first["density"] > 1.2 * second["density"]
    if "denser" in axes:
        assert second["density"] > 1.2 * first["density"]


def test_a_mood_is_the_mean_of_its_words() -> None:
    assert mood(["a", "table"]) == Mood()
    happy, calm, both = (mood(words.split()) for words in ("happy", "calm", "happy calm happy"))
    assert both.density == pytest.approx((happy.density + calm.density) / 2)
    assert happy.brightness > both.brightness > calm.brightness
    assert mood(["minor", "happy"]).brightness < 0 < mood(["major", "sad"]).brightness
    assert mood(["major"]).brightness == 1
