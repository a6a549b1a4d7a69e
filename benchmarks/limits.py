"""Figures that a benchmark is held to, and how they are shown and written down."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Limit:
    """A figure that has to be on the right side of another."""

    what: str
    figure: float
    relation: str
    limit: float

    @property
    def kept(self) -> bool:
        """Whether it is."""
        return self.figure >= self.limit if self.relation == ">=" else self.figure <= self.limit


def show(limits: Sequence[Limit]) -> None:
    """A line for each, with its verdict."""
    for limit in limits:
        verdict = "pass" if limit.kept else "FAIL"
        print(f"{limit.what:44}{limit.figure:9.2f} {limit.relation} {limit.limit:7.2f}  {verdict}")


def written(limits: Sequence[Limit]) -> list[dict[str, Any]]:
    """As they are written down."""
    return [asdict(limit) | {"kept": limit.kept} for limit in limits]
