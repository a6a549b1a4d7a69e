"""What a track costs, by parts: counted operations, list prices, arithmetic; ``docs/cost.md``.

``python -m deploy.checks.cost`` prints the tables; a test keeps the page equal to them.
"""

from collections.abc import Iterator
from typing import Final

from deploy.checks.amounts import IDLE, TRACK
from deploy.checks.prices import PRICES, Use
from shared.models import MODELS

TRACKS: Final = 10_000
"""In a month."""
_BYTES: Final = {1e9: "GB", 2**20: "MiB", 2**30: "GiB", 2**40: "TiB"}
MODEL: Final = MODELS["lyria-002"].price_usd


def main() -> None:
    """Print what belongs between the marks of ``docs/cost.md``."""
    print(page())


def billed(tracks: int) -> float:
    """US dollars of a month with *tracks*, without the model, less what is free in it."""
    used: dict[str, float] = {}
    for use in TRACK:
        used[use.price] = used.get(use.price, 0) + use.amount * tracks
    for use in IDLE:
        used[use.price] = used.get(use.price, 0) + use.amount
    return sum(
        max(0.0, amount - PRICES[name][2]) * PRICES[name][0] / PRICES[name][1]
        for name, amount in used.items()
    )


def share(dollars: float) -> str:
    """Of the price of one call of the model."""
    return f"{100 * dollars / MODEL:.2f} %"


def page() -> str:
    """The tables, in Markdown."""
    return "\n".join([*_prices(), "", *_parts(), "", *_uses(TRACK, 1e6, "µUSD"), "", *_idle()])


def _prices() -> Iterator[str]:
    yield "| price, USD | for each | of which free in a month |"
    yield "|---|---|---|"
    for price, of, free, what in PRICES.values():
        dollars = f"{price:.7f}".rstrip("0").rstrip(".")
        each = what.replace("byte", _BYTES[of]) if of in _BYTES else f"{_number(of)} {what}"
        left = f"{free / of:.3g} {_BYTES[of]}" if of in _BYTES else _number(free)
        yield f"| {dollars} | {each} | {left if free else ''} |"


def _parts() -> Iterator[str]:
    fixed = sum(use.usd for use in IDLE) / TRACKS
    whole, after = fixed + sum(use.usd for use in TRACK), billed(TRACKS) / TRACKS
    yield "| part | USD for a track | of the model's price |"
    yield "|---|---|---|"
    yield f"| model | {MODEL:.6f} | 100 % |"
    for part in dict.fromkeys(use.part for use in TRACK):
        cost = sum(use.usd for use in TRACK if use.part == part)
        yield f"| {part} | {cost:.6f} | {share(cost)} |"
    yield f"| a 10 000th of what an idle month costs | {fixed:.6f} | {share(fixed)} |"
    yield f"| **all but the model**, nothing free | {whole:.6f} | {share(whole)} |"
    yield f"| **all but the model**, as billed | {after:.6f} | {share(after)} |"


def _uses(uses: tuple[Use, ...], scale: float, unit: str) -> Iterator[str]:
    yield f"| part | so much | of | {unit} | why |"
    yield "|---|---|---|---|---|"
    for use in uses:
        what = PRICES[use.price][3].split(",")[0]
        yield f"| {use.part} | {_number(use.amount)} | {what} | {use.usd * scale:.2f} | {use.why} |"


def _idle() -> Iterator[str]:
    yield from _uses(IDLE, 1, "USD")
    whole = sum(use.usd for use in IDLE)
    yield f"| **all** | | | {whole:.2f} | nothing free; {billed(0):.2f} as billed |"


def _number(number: float) -> str:
    return f"{number:,.10g}".replace(",", " ")


if __name__ == "__main__":
    main()
