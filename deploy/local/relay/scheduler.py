"""A local Cloud Scheduler: sweeps a service each minute, one pass at a time."""

import logging
import threading
import time
from datetime import UTC, datetime
from typing import Final

from deploy.local.faults import Faults
from deploy.local.keys import SCHEDULER_ACCOUNT
from deploy.local.relay.post import Outcome, post
from deploy.local.relay.spoil import spoiled
from deploy.local.relay.tokens import Form, Tokens
from shared.timing import Timing

PATH: Final = "/internal/sweep"
_DEADLINE, _DEADLINE_AT_LEAST = 180.0, 30.0

_log = logging.getLogger(__name__)


class SweepJob:
    """The sweeps of one service; a run waits for the one before it."""

    def __init__(
        self,
        name: str,
        base_url: str,
        audience: str,
        *,
        tokens: Tokens,
        form: Form,
        faults: Faults,
        scale: float,
    ) -> None:
        """Sweep the service at *base_url*; *scale* multiplies period and deadline."""
        self.name = name
        self._url = base_url + PATH
        self._audience = audience
        self._tokens = tokens
        self._form = form
        self._faults = faults
        self._period = Timing().sweep * scale
        self._deadline = max(_DEADLINE * scale, _DEADLINE_AT_LEAST)
        self._one_at_a_time = threading.Lock()
        self._stop = threading.Event()

    def start(self) -> None:
        """Run once a period, from the start of one run to the start of the next."""
        threading.Thread(target=self._repeat, daemon=True).start()

    def stop(self) -> None:
        """Begin no further run."""
        self._stop.set()

    def run(self) -> Outcome:
        """One pass; return its outcome."""
        with self._one_at_a_time:
            outcome = spoiled(self._faults.take(hop="sweep"), self._call)
        if outcome not in range(200, 300):
            _log.info("sweep of %s: %s", self.name, outcome)
        return outcome

    def _repeat(self) -> None:
        started = time.monotonic()
        while not self._stop.wait(max(0, started + self._period - time.monotonic())):
            started = time.monotonic()
            self.run()

    def _call(self) -> Outcome:
        headers = {
            "User-Agent": "Google-Cloud-Scheduler",
            "X-CloudScheduler": "true",
            "X-CloudScheduler-JobName": f"sweep-{self.name}",
            "X-CloudScheduler-ScheduleTime": datetime.now(UTC).isoformat(),
            "Authorization": self._tokens.bearer(SCHEDULER_ACCOUNT, self._audience, self._form),
        }
        return post(self._url, headers, b"", self._deadline)
