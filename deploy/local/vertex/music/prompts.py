"""What the words of a prompt mean: style, tempo, mood, instruments asked for and unwanted."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

Key = TypeVar("Key")

STYLES: Final = ("instrumental", "ambient", "classical", "rock", "electronic", "jazz")
SLOWEST: Final = 40.0
FASTEST: Final = 220.0

_BASE_FORM = re.compile(r"\s*generate (?P<style>[a-z]+) music:", re.IGNORECASE)
_TEMPO = re.compile(r"\b(?P<word>slow|moderate|fast) tempo\b", re.IGNORECASE)
_BPM = re.compile(r"\b(?P<bpm>\d{2,3}(\.\d+)?) ?bpm\b", re.IGNORECASE)
_WITHOUT = re.compile(r"\b(?:no|without) (?P<what>[a-z]+)", re.IGNORECASE)
_WORD = re.compile(r"[a-z]+")

_STYLE_WORDS: Final = {
    "ambient": "ambient drone meditation meditative atmospheric soundscape spa",
    "classical": "classical orchestra orchestral symphony sonata baroque chamber concerto",
    "rock": "rock metal punk grunge",
    "electronic": "electronic techno house edm trance synthwave electro dubstep",
    "jazz": "jazz bebop swing bossa blues",
}
_TEMPO_WORDS: Final = {
    "slow": "slow slowly adagio largo lento ballad lullaby",
    "fast": "fast quick allegro presto rapid uptempo driving",
}
_MOODS: Final = {  # (brightness, energy)
    (1.0, 0.5): "happy joyful joy cheerful sunny playful fun celebration festive",
    (0.8, 0.2): "bright uplifting hopeful inspiring optimistic warm love romantic",
    (0.4, -0.7): "peaceful serene gentle soft tender dreamy relaxing airy",
    (0.2, -0.9): "calm quiet soothing sleepy sleep meditative still",
    (0.1, 0.9): "epic powerful triumphant heroic energetic exciting intense",
    (-1.0, -0.4): "sad melancholic melancholy mournful lonely nostalgic grief rain rainy",
    (-1.0, 0.0): "dark brooding ominous haunting mysterious night moody gothic",
    (-0.9, 0.8): "tense suspense suspenseful angry aggressive dramatic stormy horror",
    (2.0, 0.0): "major",
    (-2.0, 0.0): "minor",
}
_LEADS: Final = {  # General MIDI program, counted from 0
    0: "piano",
    6: "harpsichord",
    9: "glockenspiel",
    11: "vibraphone",
    12: "marimba",
    16: "organ",
    21: "accordion",
    22: "harmonica",
    24: "guitar guitars",
    40: "violin violins fiddle",
    41: "viola",
    42: "cello cellos",
    46: "harp",
    48: "strings",
    52: "choir",
    56: "trumpet trumpets",
    57: "trombone",
    60: "horn horns brass",
    65: "saxophone sax",
    68: "oboe",
    70: "bassoon",
    71: "clarinet",
    73: "flute flutes",
    74: "recorder",
    81: "synth synths synthesizer",
    104: "sitar",
    105: "banjo",
    107: "koto",
    108: "kalimba",
}
_FAMILIES: Final = {
    "drums": "drum drums drumming percussion percussive beat beats cymbal cymbals snare",
    "bass": "bass bassline",
    "piano": "piano keyboard keys",
    "bells": "bell bells vibraphone glockenspiel marimba",
    "organ": "organ accordion harmonica",
    "guitar": "guitar guitars",
    "strings": "string strings violin violins viola cello orchestra harp",
    "choir": "choir vocals voice voices singing",
    "brass": "brass trumpet trombone horn horns",
    "wind": "flute saxophone sax oboe clarinet woodwind woodwinds wind",
    "synth": "synth synths synthesizer electronic",
    "lead": "melody lead solo",
}


@dataclass(frozen=True)
class Brief:
    """What to compose.

    `tempo` is slow, moderate or fast; `bpm` is None when the prompt has no number;
    `brightness` and `energy` run from -1 to 1; `lead` is the General MIDI program of the first
    instrument named, `avoid` the families of instruments that the negative prompt takes away.
    """

    style: str
    tempo: str
    bpm: float | None
    brightness: float
    energy: float
    lead: int | None
    avoid: frozenset[str]


def read(prompt: str, negative_prompt: str = "") -> Brief:
    """Understand a prompt, best in the form `Generate {style} music: {text}, {tempo} tempo`."""
    words = _WORD.findall(_WITHOUT.sub("", prompt).lower())
    unwanted = set(_WORD.findall(" ".join((negative_prompt, *_WITHOUT.findall(prompt))).lower()))
    brightness, energy = _mood(words)
    return Brief(
        style=_style(prompt, words),
        tempo=_tempo(prompt, words),
        bpm=_bpm(prompt),
        brightness=brightness,
        energy=energy,
        lead=_named(words, _LEADS),
        avoid=frozenset(f for f, names in _FAMILIES.items() if unwanted & set(names.split())),
    )


def _style(prompt: str, words: Sequence[str]) -> str:
    form = _BASE_FORM.match(prompt)
    if form and form["style"].lower() in STYLES:
        return form["style"].lower()
    return _named(words, _STYLE_WORDS) or "instrumental"


def _tempo(prompt: str, words: Sequence[str]) -> str:
    """The closing `... tempo`; `moderate` there is a default that any other word overrules."""
    said = [match["word"].lower() for match in _TEMPO.finditer(prompt)]
    if said and said[-1] != "moderate":
        return said[-1]
    return _named(words, _TEMPO_WORDS) or "moderate"


def _bpm(prompt: str) -> float | None:
    """The last number of beats per minute, brought into range: a number overrules any word."""
    said = [float(match["bpm"]) for match in _BPM.finditer(prompt)]
    return min(max(said[-1], SLOWEST), FASTEST) if said else None


def _mood(words: Sequence[str]) -> tuple[float, float]:
    """The mean over all mood words, each counted once."""
    felt = [mood for mood, names in _MOODS.items() for name in names.split() if name in words]
    if not felt:
        return 0.0, 0.0
    brightness, energy = (sum(axis) / len(felt) for axis in zip(*felt, strict=True))
    return max(-1.0, min(1.0, brightness)), energy


def _named(words: Sequence[str], table: Mapping[Key, str]) -> Key | None:
    """The entry of the first word that the table knows."""
    known = {name: key for key, names in table.items() for name in names.split()}
    return next((known[word] for word in words if word in known), None)
