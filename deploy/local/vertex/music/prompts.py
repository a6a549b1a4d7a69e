"""What the words of a prompt mean: style, tempo, key, mood, instruments, place in a piece."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from deploy.local.vertex.music.keys import Key, named_key
from deploy.local.vertex.music.moods import Mood, mood
from deploy.local.vertex.music.naming import Mention, mentions

STYLES: Final = ("instrumental", "ambient", "classical", "rock", "electronic", "jazz")
SLOWEST: Final = 40.0
FASTEST: Final = 220.0

_BASE_FORM = re.compile(r"\s*generate (?P<style>[a-z]+) music:", re.IGNORECASE)
_TEMPO = re.compile(r"\b(?P<word>slow|moderate|fast) tempo\b", re.IGNORECASE)
_BPM = re.compile(r"\b(?P<bpm>\d{2,3}(\.\d+)?) ?bpm\b", re.IGNORECASE)
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
_PLACES: Final = {
    "opening": ", opening section, building up",
    "development": ", development section, in full flow",
    "climax": ", climax section, at its height",
    "ending": ", ending section, coming to a close",
}
"""What a prompt ends in that asks for one clip of a longer piece, by the clip's place there."""


@dataclass(frozen=True)
class Brief:
    """What to compose.

    `tempo` is slow, moderate or fast; `bpm` is None when the prompt has no number, `key` when it
    names none; `wanted` are the instruments named (family and General MIDI program), in their
    order, `avoid` the families that are to stay away; `place` is that of a clip in a longer piece,
    None for a whole one.
    `words` are the prompt without its place: what clips of one piece have in common.
    """

    words: str
    style: str
    tempo: str
    bpm: float | None
    key: Key | None
    mood: Mood
    wanted: tuple[tuple[str, int], ...]
    avoid: frozenset[str]
    place: str | None


def read(prompt: str, negative_prompt: str = "") -> Brief:
    """Understand a prompt, best in the form `Generate {style} music: {text}, {tempo} tempo`.

    `, opening section, building up` and the like behind that form give the clip its place.
    """
    place = next((name for name, tail in _PLACES.items() if prompt.endswith(tail)), None)
    prompt = prompt.removesuffix(_PLACES[place]) if place else prompt
    text = _BASE_FORM.sub("", prompt)
    words = _WORD.findall(text.lower())
    said = [*mentions(text), *mentions(negative_prompt, refused=True)]
    return Brief(
        words=f"{prompt}\n{negative_prompt}",
        style=_style(prompt),
        tempo=_tempo(prompt, words),
        bpm=_bpm(prompt),
        key=named_key(text),
        mood=mood(words),
        wanted=_wanted(said),
        avoid=frozenset(family for m in said if m.refused for family in m.families),
        place=place,
    )


def _wanted(said: Sequence[Mention]) -> tuple[tuple[str, int], ...]:
    """The instruments asked for, each once."""
    asked = [(m.families[0], m.program) for m in said if not m.refused and m.program is not None]
    return tuple(dict.fromkeys(asked))


def _style(prompt: str) -> str:
    form = _BASE_FORM.match(prompt)
    if form and form["style"].lower() in STYLES:
        return form["style"].lower()
    return _named(_WORD.findall(prompt.lower()), _STYLE_WORDS) or "instrumental"


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


def _named(words: Sequence[str], table: Mapping[str, str]) -> str | None:
    """The entry of the first word that the table knows."""
    known = {name: key for key, names in table.items() for name in names.split()}
    return next((known[word] for word in words if word in known), None)
