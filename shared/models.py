"""What each music model can, and costs: one table for calls, quotes and ``GET /v1/models``."""

from dataclasses import dataclass
from typing import Final

MOST_OVERLAP_SECONDS: Final = 3.0
"""A join takes at most this much of two neighbouring clips, its search for a beat included."""
LEAST_LOOP_OVERLAP_SECONDS: Final = 0.5
"""What a loop needs beyond its length at least, to run into its own start."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model: a call gives one clip of ``clip_frames`` frames, at ``price_usd``."""

    clip_frames: int
    sample_rate: int
    price_usd: float
    quota_per_minute: int
    """Calls that a new project may make."""
    channels: int = 2
    takes_seed: bool = True
    takes_negative_prompt: bool = True

    @property
    def clip_seconds(self) -> float:
        """Length of one clip."""
        return self.clip_frames / self.sample_rate

    def clips(self, seconds: float, *, loop: bool = False) -> int:
        """How many clips a track of so many seconds is made of, whatever its joins turn out to be.

        One clip as far as it reaches; each further one adds its length less the longest join.
        """
        beyond = self._wanted(seconds, loop=loop) - self.clip_frames
        each = self.clip_frames - round(MOST_OVERLAP_SECONDS * self.sample_rate)
        return 1 + max(0, -(-beyond // each))

    def _wanted(self, seconds: float, *, loop: bool) -> int:
        """Frames of sound that must be there, joins not counted."""
        more = LEAST_LOOP_OVERLAP_SECONDS if loop else 0.0
        return round((seconds + more) * self.sample_rate)

    def share(self, seconds: float, *, loop: bool = False) -> int:
        """Frames that each clip of such a track must bring at least."""
        count = self.clips(seconds, loop=loop)
        joins = (count - 1) * round(MOST_OVERLAP_SECONDS * self.sample_rate)
        return -(-(self._wanted(seconds, loop=loop) + joins) // count)

    def quote_usd(self, seconds: float, *, loop: bool = False) -> float:
        """What such a track costs: its clips, each once, however often a call is repeated."""
        return round(self.clips(seconds, loop=loop) * self.price_usd, 6)


MODELS: Final = {
    "lyria-002": Model(
        clip_frames=1_572_864, sample_rate=48_000, price_usd=0.06, quota_per_minute=10
    ),
}
