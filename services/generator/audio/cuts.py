"""Where one clip ends and the next begins, so that beat meets beat."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from services.generator.audio.pcm import RATE
from services.generator.audio.rhythm import Rhythm
from shared.models import MOST_OVERLAP_SECONDS

OVERLAP_SECONDS: Final = 2.0
"""How long a join takes where no beat says otherwise."""

_OVERLAP_BEATS: Final = (4, 2, 1)
_MOST: Final = round(MOST_OVERLAP_SECONDS * RATE)


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip's length and its beats, all in frames."""

    frames: int
    first_beat: float = 0.0
    beat: float = 0.0
    """0: the beat is not clear."""

    @classmethod
    def of(cls, frames: int, heard: Rhythm | None) -> "Clip":
        """A clip of so many *frames*, and what was heard in it."""
        if heard is None:
            return cls(frames)
        return cls(frames, heard.first_beat * RATE, 60 / heard.bpm * RATE)

    def phase(self, frame: float) -> float:
        """Where in its beat a frame is, 0 to 1."""
        return (frame - self.first_beat) / self.beat % 1.0

    def around(self, frame: float, phase: float = 0.0) -> tuple[float, float]:
        """The last place up to *frame*, and the next, that has a phase."""
        before = frame - (self.phase(frame) - phase) % 1.0 * self.beat
        return before, before + self.beat


@dataclass(frozen=True, slots=True)
class Join:
    """Two neighbours and how many frames they share."""

    leaving: Clip
    entering: Clip
    overlap: int = 0

    @property
    def beat(self) -> float:
        """The longer beat of the two; 0 unless both are clear."""
        both = self.leaving.beat and self.entering.beat
        return max(self.leaving.beat, self.entering.beat) if both else 0.0

    @property
    def wanted(self) -> int:
        """As many beats as leave room to look for one more, else ``OVERLAP_SECONDS``."""
        beats = (n for n in _OVERLAP_BEATS if 0 < (n + 1) * self.beat <= _MOST)
        return round(next(beats, 0) * self.beat) or round(OVERLAP_SECONDS * RATE)

    @property
    def search(self) -> float:
        """What may have to fall away for beat to meet beat."""
        return min(self.beat, _MOST - self.overlap)

    def cut(self, end: float, start: float, room: float) -> tuple[int, int]:
        """How much falls away of the leaving clip's end and of the entering one's start.

        Near *end* and *start*, together *room* at most; so that the middle of the overlap is on
        a beat of both, else on the same part of a beat, else anywhere.
        """
        ways = self._ways(end, start, room) if self.beat else ()
        fitting = (way for way in ways if min(way[2:]) >= 0 and sum(way[2:]) <= room)
        *_, end, start = min(fitting, default=(end, start))
        return int(end), int(start)

    def _ways(
        self, end: float, start: float, room: float
    ) -> Iterator[tuple[int, float, float, float]]:
        """Rank, distance, end and start of each way in which beat meets beat."""
        half = self.overlap / 2
        whole = self.leaving.frames - half
        anywhere = max(0.0, min(end, room - self.entering.beat))
        on_beat = (whole - beat for beat in self.leaving.around(whole - end))
        for rank, away in ((1, anywhere), *((0, away) for away in on_beat)):
            phase = self.leaving.phase(whole - away) if rank else 0.0
            for middle in self.entering.around(start + half, phase):
                first = middle - half
                yield rank, abs(away - end) + abs(first - start), away, first
