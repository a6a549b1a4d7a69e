"""What this service offers today: the tables that validation and quotes are made of."""

from typing import Final

STYLES: Final = ("instrumental", "ambient", "classical", "rock", "electronic", "jazz")
TEMPO_WORDS: Final = ("slow", "moderate", "fast")
BPM: Final = range(40, 221)
ENDINGS: Final = ("track.completed", "track.failed", "track.cancelled", "track.expired")
FORMATS: Final = ("wav",)
"""FLAC, MP3, Ogg and M4A are accepted once they can be made."""
MODEL: Final = "lyria-002"
PROMPT_LENGTH: Final = range(5, 501)
CLIP_SECONDS: Final = 32
"""Whole seconds of one clip; longer tracks are accepted once clips can be joined."""
MAX_SECONDS: Final = 300
DEFAULT_SECONDS: Final = 30
PRICE_PER_CLIP_USD: Final = 0.06
DEFAULT_LIFETIME: Final = 24 * 3600
MAX_LIFETIME: Final = 7 * 24 * 3600
ESTIMATE_SECONDS: Final = 60


def quote_usd() -> float:
    """What a track costs: one clip, for now."""
    return PRICE_PER_CLIP_USD
