"""Whose turn it is under the model's quota: rules of the protocol, as those in ``rules``."""

from dataclasses import replace
from datetime import datetime

from shared.clock import seconds
from shared.timing import Timing
from shared.track import Park, Track


def granted(track: Track, now: datetime, timing: Timing) -> Track:
    """A token was taken for a parked track: its turn has come, for as long as the grant lasts."""
    until = now + seconds(timing.grant)
    return replace(
        track, grant_until=until, not_before=None, wake_at=min(until, track.deadline), wakes=0
    )


def waiting(track: Track) -> Track:
    """Its worker waits for a token of the quota."""
    return replace(track, waits=Park.QUOTA)


def has_grant(track: Track, now: datetime) -> bool:
    """Whether a token is set aside for the track right now."""
    return track.grant_until is not None and track.grant_until > now


def turned_away(track: Track, turn: datetime) -> Track:
    """No token for a parked track yet: look again at its *turn*."""
    return replace(track, wake_at=min(turn, track.deadline))
