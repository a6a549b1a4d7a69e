"""Moods: what a prompt's feelings are as music."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Mood:
    """How the music feels, each from -1 to 1, 0 where the words say nothing.

    `brightness` chooses between minor and major, `energy` is force, `density` how much goes on,
    `register` how high.
    """

    brightness: float = 0.0
    energy: float = 0.0
    density: float = 0.0
    register: float = 0.0


_MOODS: Final = {
    Mood(1.0, 0.5, 0.4, 0.4): "happy joyful joy cheerful sunny playful fun celebration festive",
    Mood(0.8, 0.2, 0.1, 0.5): "bright uplifting hopeful inspiring optimistic warm love romantic",
    Mood(0.4, -0.7, -0.6, 0.2): "peaceful serene gentle soft tender relaxing delicate",
    Mood(0.4, -0.6, -0.4, 0.9): "dreamy airy ethereal floating magical weightless",
    Mood(0.2, -0.9, -0.7, -0.1): "calm quiet soothing sleepy sleep meditative still",
    Mood(0.1, 0.9, 0.9, 0.2): "epic powerful triumphant heroic energetic exciting intense",
    Mood(-1.0, -0.4, -0.4, -0.3): "sad melancholic melancholy mournful lonely nostalgic grief rain"
    " rainy",
    Mood(-1.0, 0.0, -0.1, -0.9): "dark brooding ominous haunting mysterious night moody gothic",
    Mood(-0.9, 0.6, 0.6, -0.3): "tense suspense suspenseful dramatic stormy horror restless",
    Mood(-0.9, 0.9, 0.8, -0.6): "angry aggressive furious fierce brutal",
    Mood(0.0, -0.2, -1.0, 0.0): "sparse minimal minimalist simple spacious",
    Mood(0.0, 0.2, 1.0, 0.0): "dense busy lush rich full layered",
    Mood(0.3, -0.2, -0.5, 0.8): "light lightweight high sparkling",
    Mood(0.0, 0.5, 0.5, -0.9): "heavy deep low",
    Mood(2.0): "major",
    Mood(-2.0): "minor",
}


def mood(words: Sequence[str]) -> Mood:
    """The mean of all mood words, each counted once."""
    said = set(words)
    felt = [m for m, names in _MOODS.items() for name in names.split() if name in said]
    if not felt:
        return Mood()
    return Mood(
        brightness=max(-1.0, min(1.0, sum(m.brightness for m in felt) / len(felt))),
        energy=sum(m.energy for m in felt) / len(felt),
        density=sum(m.density for m in felt) / len(felt),
        register=sum(m.register for m in felt) / len(felt),
    )
