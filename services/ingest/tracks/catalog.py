"""What this service offers today: the tables that validation and quotes are made of."""

from typing import Final

from shared.messages import TrackRequest
from shared.models import MODELS
from shared.webhooks import LIVE_EVENTS, TERMINAL_EVENTS

STYLES: Final = ("instrumental", "ambient", "classical", "rock", "electronic", "jazz")
TEMPO_WORDS: Final = ("slow", "moderate", "fast")
BPM: Final = range(40, 221)
EVENTS: Final = (*TERMINAL_EVENTS, *LIVE_EVENTS)
"""What ``callback_events`` may name; when it is left out, all but the live ones."""
FORMATS: Final = ("wav", "flac", "mp3", "ogg", "m4a")
DEFAULT_FORMATS: Final = ("wav",)
BIT_DEPTHS: Final = (16, 24)
PRIORITIES: Final = ("interactive", "batch")
MODEL: Final = "lyria-002"
PROMPT_LENGTH: Final = range(5, 501)
MIN_SECONDS: Final = 1
MAX_SECONDS: Final = 300
DEFAULT_SECONDS: Final = 30
DEFAULT_LIFETIME: Final = 24 * 3600
MAX_LIFETIME: Final = 7 * 24 * 3600


def clips(request: TrackRequest) -> int:
    """How many clips the track is made of."""
    return MODELS[request.model].clips(request.duration_seconds, loop=request.loop)


def quote_usd(request: TrackRequest) -> float:
    """What the track costs at today's price, in US dollars."""
    return MODELS[request.model].quote_usd(request.duration_seconds, loop=request.loop)
