"""Where mastering takes its samples from: as often as it likes, a block at a time."""

from collections.abc import Iterator
from typing import Protocol

from services.generator.audio.pcm import Samples


class Source(Protocol):
    """A whole piece before mastering: exact length, joins and fades done."""

    @property
    def frames(self) -> int:
        """Its length."""

    def blocks(self) -> Iterator[Samples]:
        """The piece from its start, ``BLOCK`` frames at a time, the last one shorter.

        Each block is the caller's to change; equal calls give equal samples.
        """
