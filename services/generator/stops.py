"""The reasons for which a claim stops working: the first one to come forbids new calls."""

from shared.endings import Ending
from shared.errors import RetryableError
from shared.track import Park, Status, Track


class Parked(Exception):
    """Wait without a lease; ``rules.parked`` says how long."""

    def __init__(
        self,
        park: Park,
        code: str,
        *,
        retry_after: float = 0,
        unpaid: bool = False,
        refusal: bool = False,
        asked: bool = True,
    ) -> None:
        """Park for *park*; the rest as in ``rules.parked``."""
        super().__init__(code)
        self.park = park
        self.code = code
        self.retry_after = retry_after
        self.unpaid = unpaid
        self.refusal = refusal
        self.asked = asked


class Ended(Exception):
    """Nothing is left to do but to end the track this way."""

    def __init__(self, ending: Ending) -> None:
        """End with *ending*."""
        super().__init__(ending.status)
        self.ending = ending


class Stopping(RetryableError):
    """The process is going away; the delivery comes back (503)."""

    code = "stopping"


def obey(track: Track) -> Track:
    """The track, unless its caller wishes to cancel it.

    Raises:
        Ended: cancelled.
    """
    if track.cancel_requested:
        raise Ended(Ending(Status.CANCELLED))
    return track
