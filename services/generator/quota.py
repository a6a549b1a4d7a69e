"""The quota governor, as the generator sees it: a token for each call of the model."""

from typing import Final

from services.generator.claim import Claim
from services.generator.stops import Parked, obey
from services.generator.together import Halt
from shared import shutdown, turns
from shared.allowance import Allowance
from shared.errors import Code, StoreUnavailable
from shared.timing import Timing
from shared.track import Park

_FOR_THOSE_IN_LINE: Final = 1.0
"""Tokens that a push leaves to the tracks that are parked: else newcomers would pass them."""
_TOLD: Final = 3.0
"""Seconds of waiting that the caller is told of."""
_LOOK: Final = 1.0
"""Seconds between two looks at why not to wait any longer."""


class Quota:
    """Tokens of one model; thread-safe, one per process."""

    def __init__(self, allowance: Allowance, timing: Timing) -> None:
        """*allowance* is shared by all instances."""
        self._allowance = allowance
        self._timing = timing

    def token(self, claim: Claim, halt: Halt) -> bool:
        """Wait for a token; False: none was taken, the track has a grant to spend.

        Raises:
            Parked: it is not this track's turn soon, or the process ends.
            Ended: the caller has cancelled the track.
            Halted: another clip's reason to stop.
        """
        if turns.has_grant(claim.track, claim.now()):
            return False
        while (wait := self._taken()) > 0:
            self._wait(wait, claim, halt)
        return True

    def _taken(self) -> float:
        """0: a token was taken; else seconds to the next one that is not for those in line."""
        try:
            return self._allowance.take(leave=_FOR_THOSE_IN_LINE)
        except StoreUnavailable as exc:  # of the allowance alone: the track can still be parked
            wait = self._timing.slot_wait
            raise Parked(Park.QUOTA, exc.code, retry_after=wait, asked=False) from exc

    def _wait(self, seconds: float, claim: Claim, halt: Halt) -> None:
        if seconds > _TOLD and not claim.track.waits:
            claim.write(lambda track, _: turns.waiting(track))
        while seconds > 0:
            if shutdown.stopping():
                raise Parked(Park.STOPPED, "stopping")
            halt.check()
            obey(claim.track)
            if not claim.may_wait(seconds):
                raise Parked(Park.QUOTA, Code.MODEL_QUOTA, retry_after=seconds, asked=False)
            halt.wait(min(seconds, _LOOK))
            seconds -= _LOOK

    def unused(self) -> None:
        """Return a token that was taken and not used; this process spends it next."""
        self._allowance.untake()

    def turn(self) -> float:
        """0: a token was taken for the first in line; else the seconds until one may be there.

        Raises:
            StoreUnavailable: Firestore does not answer.
        """
        return self._allowance.take()

    def give_back(self) -> None:
        """Return what this process holds and has not spent."""
        self._allowance.give_back()
