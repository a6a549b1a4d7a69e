"""Which instruments a text names, and which of them it says are to stay away."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from deploy.local.vertex.music.instruments import GROUPS, named

_TOKEN = re.compile(r"[a-z]+|[,.;:!?]")
_NEGATIONS: Final = frozenset({"no", "without"})
_JOINING: Final = frozenset({"and", "or", "nor", "any", "a", "an", "the"})
_ALTERNATIVES: Final = frozenset({"or", "nor"})
_TURNS: Final = frozenset({"with", "but", "just", "only", ",", ".", ";", ":", "!", "?"})
_LIST_WORDS: Final = 8
"""How far on the `or` may be that makes a list of what follows a `no`."""

Entry = tuple[str, int]
_NAMES: Final[Mapping[str, Entry]] = dict(named())


@dataclass(frozen=True)
class Mention:
    """A word for instruments: families it means, program (None for a group), wanted or not."""

    families: tuple[str, ...]
    program: int | None
    refused: bool


def mentions(text: str, *, refused: bool = False) -> Iterator[Mention]:
    """Everything named in *text*; `no X`, `without X or Y` refuse, all of it with `refused`.

    One word may stand between (`no heavy drums`); a comma ends the refusal unless an `or`
    follows (`no drums, bass or brass`).
    """
    tokens = _TOKEN.findall(text.lower())
    at, negated, slack = 0, refused, 0
    while at < len(tokens):
        found, width = _found(tokens, at)
        if found and (found.program is not None or negated):
            yield Mention(found.families, found.program, negated)
            slack = 0
        elif tokens[at] in _NEGATIONS:
            negated, slack = True, 1
        elif not _goes_on(tokens, at, slack):
            negated = refused
        elif tokens[at] not in _JOINING:
            slack = 0
        elif tokens[at] in _ALTERNATIVES:
            slack = 1
        at += width


def _found(tokens: Sequence[str], at: int) -> tuple[Mention | None, int]:
    """What is named here, by two words or by one, and how many they are."""
    for width in (2, 1):
        words = tokens[at : at + width]
        for name in (" ".join(words), " ".join(words).removesuffix("s")):
            if len(words) == width and name in _NAMES:
                family, program = _NAMES[name]
                return Mention((family,), program, refused=False), width
            if name in GROUPS:
                return Mention(tuple(GROUPS[name].split()), None, refused=False), 1
    return None, 1


def _goes_on(tokens: Sequence[str], at: int, slack: int) -> bool:
    """Whether a refusal reaches beyond a word or comma that names nothing."""
    word = tokens[at]
    if word == ",":
        return bool(_ALTERNATIVES & set(_clause(tokens[at + 1 : at + _LIST_WORDS])))
    return word in _JOINING or (slack > 0 and word not in _TURNS)


def _clause(tokens: Sequence[str]) -> Sequence[str]:
    stops = (k for k, token in enumerate(tokens) if token in _TURNS - {","} | _NEGATIONS)
    return tokens[: next(stops, len(tokens))]
