"""Which key a text names: `D minor`, `f# major`, `B flat minor`, `Eb maj`, `in a minor`."""

import re
from dataclasses import dataclass
from typing import Final

_KEY = re.compile(
    r"(?<![\w'])(?P<note>[a-g])(?P<sign>[#♯♭b]|[ -]?sharp|[ -]?flat)?[ -]?"
    r"((natural|harmonic|melodic) )?(?P<mode>maj|min)(or)?\b",
    re.IGNORECASE,
)
_NATURALS: Final = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_SIGNS: Final = {"#": 1, "♯": 1, "sharp": 1, "♭": -1, "b": -1, "flat": -1, "": 0}

_KEY_OF = re.compile(r"\bkey( of|:) ?$", re.IGNORECASE)
_INSIDE = re.compile(r"\w,? $")
_CLAUSE_END = re.compile(r"\s*([,.;:!?)]|$)")


@dataclass(frozen=True)
class Key:
    """A tonic, in semitones above C, and a mode."""

    tonic: int
    major: bool


def named_key(text: str) -> Key | None:
    """The last key that *text* names, None without one."""
    said = [match for match in _KEY.finditer(text) if not _is_article(match)]
    return _key(said[-1]) if said else None


def _key(match: re.Match[str]) -> Key:
    sign = (match["sign"] or "").lower().strip(" -")
    tonic = _NATURALS[match["note"].lower()] + _SIGNS[sign]
    return Key(tonic % 12, major=match["mode"].lower() == "maj")


def _is_article(match: re.Match[str]) -> bool:
    """Whether it is the `a` of `a minor setback`.

    A note is what a clause ends with, what follows `key of`, and a capital inside a sentence.
    """
    if match["note"] not in "aA" or match["sign"] or match[0][1] == "-":
        return False
    before, after = match.string[: match.start()], match.string[match.end() :]
    capital = match["note"] == "A" and _INSIDE.search(before)
    return not (capital or _KEY_OF.search(before) or _CLAUSE_END.match(after))
