"""The time chain: every duration of the protocol in one place, asserted at start-up."""

from dataclasses import dataclass, fields, replace
from itertools import pairwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Durations in seconds; scaling keeps their proportions, so none can be tuned away."""

    lease: float = 90
    renew: float = 30
    fresh: float = 45
    """No paid call and no upload of a final object starts on a renewal older than this."""
    model_attempt: float = 120
    budget: float = 480
    """What one push may work; no renewal starts later after the claim."""
    request_timeout: float = 540
    ack_deadline: float = 600
    wake: float = 30
    """First look of the sweeper after a submit or an ending; doubles up to ``wake_limit``."""
    wake_limit: float = 1200
    slot_wait: float = 10
    fault_backoff: float = 10
    fault_backoff_limit: float = 600
    quota_backoff: float = 15
    quota_backoff_limit: float = 300
    token_wait: float = 60
    """So long a push waits for a token of the quota before its track is parked."""
    grant: float = 60
    """So long a token stays set aside for a track whose turn has come."""
    refusals: float = 3600
    """This long of nothing but refusals, without a stored clip, ends the track."""
    sweep: float = 60
    clips_kept: float = 86_400
    """How long after a completed track's ending its raw clips stay."""
    delivery_lease: float = 30
    webhook_attempt: float = 15
    heartbeat: float = 15
    """So often a stream shows that it is alive, and its track is read besides."""
    stream: float = 3300
    """After this a client of a stream is sent away to come again; Cloud Run cuts it at 3600."""

    def scaled(self, factor: float) -> "Timing":
        """The same chain, *factor* times as long (fault tests run it in seconds)."""
        return replace(self, **{f.name: getattr(self, f.name) * factor for f in fields(self)})

    def check(self) -> "Timing":
        """Return self when the chain holds.

        Raises:
            ValueError: a later link would break before an earlier one has ended.
        """
        chain = (self.model_attempt, self.budget, self.request_timeout, self.ack_deadline)
        held = (self.renew, self.fresh, self.lease)
        if not (_grows(chain) and _grows(held)):
            raise ValueError(
                "the time chain must grow: model attempt < handler budget < request timeout < "
                f"ack deadline ({chain}); renewal < fresh < lease ({held})",
            )
        if self.webhook_attempt >= self.delivery_lease:
            raise ValueError("a webhook attempt must end before its lease does")
        return self


def _grows(chain: tuple[float, ...]) -> bool:
    return all(earlier < later for earlier, later in pairwise((0.0, *chain)))
