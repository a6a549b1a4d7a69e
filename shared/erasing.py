"""What is left of a track that its caller has erased, as pure functions."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from shared.clock import seconds
from shared.messages import TrackRequest
from shared.rules import settled
from shared.timing import Timing
from shared.track import Track

ERASED: Final = "(erased)"
"""In the place of the prompt, which cannot be empty."""
OUTPUT: Final = (
    *("audio/{}.", "metadata/{}.", "waveforms/{}.", "spectrograms/{}."),
    *("errors/{}.", "clips/{}/"),
)
"""What the names of a track's objects begin with, in the bucket of finished audio."""
PROMPTS: Final = ("requests/{}.",)
"""The same, in the bucket of requests."""


def erased(track: Track, now: datetime, timing: Timing) -> Track:
    """An ended track without any text, address or file of its own.

    What was not published yet stays until it is: an ending that was promised to every consumer
    is not taken back. Nobody is called any more. The objects are looked for at once, and again
    when no worker can be alive that claimed the track before it ended.
    """
    old = track.request
    bare = TrackRequest(
        prompt=ERASED,
        style=old.style,
        tempo=old.tempo,
        duration_seconds=old.duration_seconds,
        model=old.model,
        formats=old.formats,
    )
    return replace(
        track,
        request=bare,
        fingerprint="",
        result=None,
        error=None,
        ready=(),
        calls=(),
        refusals=(),
        announcements=tuple(a for a in track.announcements if not a.published),
        clips_due=None,
        erased=True,
        erase_until=now + seconds(timing.request_timeout),
        wake_at=now + seconds(timing.wake),
        wakes=0,
    )


def objects_erased(track: Track, looked_at: datetime) -> Track:
    """All objects that there were at *looked_at* are gone; look once more, or rest."""
    if track.erase_until is None or not track.erased:
        return track
    if looked_at >= track.erase_until:
        return settled(replace(track, erase_until=None))
    return track if track.announcements else replace(track, wake_at=track.erase_until)
