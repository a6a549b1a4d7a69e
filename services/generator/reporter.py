"""Says how a track is coming along, beside the work and never in its way."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Final

from services.generator.claim import Claim
from shared import live
from shared.ports import Publisher

log = logging.getLogger(__name__)

SOURCE: Final = "generator"
APART: Final = 2.0
"""Seconds between two ``track.progress`` of one track, at least."""
_LOOK: Final = 0.1


class Reporter:
    """Publishes ``track.running`` and ``track.progress`` of claimed tracks."""

    def __init__(self, progress: Publisher) -> None:
        """*progress* carries live events; it should give up after ``live.PATIENCE``."""
        self._progress = progress

    @contextmanager
    def following(self, claim: Claim) -> Iterator[None]:
        """Report on *claim* while the block works on it, if anybody has asked for it.

        Nothing is published once the block has ended, or, on a topic that does not answer in
        time, ``live.PATIENCE`` later.
        """
        if not (live.wanted(claim.track, "running") or live.wanted(claim.track, "progress")):
            yield
            return
        over = threading.Event()
        report = _Report(claim, self._progress)
        context = copy_context()  # the thread logs as the delivery that started it
        thread = threading.Thread(
            target=context.run, args=(report.run, over), name="reports", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # no thread is to be had: the work goes on unreported
            log.warning("track not reported", extra={"code": "no_thread"})
            yield
            return
        try:
            yield
        finally:
            over.set()
            thread.join(live.PATIENCE)


class _Report:
    """What was told of one claim, and what is to be told next."""

    def __init__(self, claim: Claim, progress: Publisher) -> None:
        begun = claim.track.started_at is not None
        self._claim = claim
        self._progress = progress
        self._announces = not begun and live.wanted(claim.track, "running")
        self._counts = live.wanted(claim.track, "progress")
        self._sequence = claim.track.sequence
        self._count = 0
        # The claim before this one, wherever it was, may have spoken a moment ago.
        self._not_before = time.monotonic() + APART if begun else 0.0

    def run(self, over: threading.Event) -> None:
        """Report until *over*; a claim that is shorter than a look is announced all the same."""
        while (self._announces or self._counts) and not over.wait(_LOOK):
            self._look()
        if self._announces:
            self._look()

    def _look(self) -> None:
        if self._claim.track.sequence == self._sequence:
            return
        if self._announces:
            self._announces = False
            self._tell("running")
        elif self._counts and time.monotonic() >= self._not_before:
            self._count += 1
            self._tell("progress", f":{self._claim.epoch}:{self._count}")
            self._not_before = time.monotonic() + APART

    def _tell(self, word: str, part: str = "") -> None:
        track = self._claim.track
        self._sequence = track.sequence
        told = live.event(track, word, self._claim.now(), part=part)
        live.tell(self._progress, told, SOURCE, track.traceparent)
