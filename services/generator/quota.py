"""The quota governor, as the generator sees it: a token for each call of the model."""

from typing import Final

from services.generator.claim import Claim
from services.generator.stops import Parked, obey
from services.generator.together import Halt
from shared import rules, shutdown
from shared.allowance import Allowance
from shared.errors import Code
from shared.timing import Timing
from shared.track import Park

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
            StoreUnavailable: Firestore does not answer.
        """
        if rules.has_grant(claim.track, claim.now()):
            return False
        patience = self._timing.token_wait
        while (wait := self._allowance.take()) > 0:
            if wait > patience:
                raise Parked(Park.QUOTA, Code.MODEL_QUOTA, retry_after=wait, asked=False)
            self._wait(wait, claim, halt)
            patience -= wait
        return True

    def _wait(self, seconds: float, claim: Claim, halt: Halt) -> None:
        while seconds > 0:
            if shutdown.stopping():
                raise Parked(Park.STOPPED, "stopping")
            halt.check()
            obey(claim.track)
            halt.wait(min(seconds, _LOOK))
            seconds -= _LOOK

    def try_token(self) -> float:
        """0: a token was taken; else the seconds until one may be there."""
        return self._allowance.take()

    def give_back(self) -> None:
        """Return what this process holds and has not spent."""
        self._allowance.give_back()
