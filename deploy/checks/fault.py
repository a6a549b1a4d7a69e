"""What a check finds wrong."""

from collections.abc import Sequence
from typing import Final

_MOST: Final = 12


class Fault(Exception):
    """One check has failed; says what is wrong, and what to do."""

    def __init__(self, wrong: str | Sequence[str], cure: str) -> None:
        """*wrong*: one finding, or several; *cure*: one sentence."""
        self.findings = [wrong] if isinstance(wrong, str) else list(wrong)
        self.cure = cure
        super().__init__("; ".join(self.findings))

    def lines(self) -> list[str]:
        """What is printed: the first findings, then the cure."""
        more = len(self.findings) - _MOST
        rest = [f"and {more} more"] if more > 0 else []
        return [*self.findings[:_MOST], *rest, f"Cure: {self.cure}"]


def refuse(findings: Sequence[str], cure: str) -> None:
    """Raises Fault, if there is any finding."""
    if findings:
        raise Fault(findings, cure)
