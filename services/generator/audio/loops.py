"""How long a loop is: whole bars near the length asked for, within what a track may be."""

from typing import Final

from services.generator.audio.cuts import Clip
from services.generator.audio.pcm import RATE

SHORTEST_SECONDS: Final = 1
LONGEST_SECONDS: Final = 300
"""Tracks are not shorter or longer, and no bar makes a loop so."""
MOST_OFF: Final = 0.12
"""Share of the length asked for by which a loop may differ from it."""

_BAR: Final = 4


def whole_bars(frames: int, clip: Clip, most: float) -> int:
    """The whole number of bars of four beats nearest to *frames*, if *most* frames allow it.

    Where it is out of reach, the nearest number of beats; where that is too, *frames*.
    """
    if not clip.beat:
        return frames
    lengths = (round(round(frames / unit) * unit) for unit in (_BAR * clip.beat, clip.beat))
    return next((n for n in lengths if n <= most and in_reach(n, frames)), frames)


def in_reach(length: int, frames: int) -> bool:
    """Whether a loop of *length* will do where *frames* were asked for."""
    a_track = SHORTEST_SECONDS * RATE <= length <= LONGEST_SECONDS * RATE
    return a_track and abs(length - frames) <= MOST_OFF * frames
