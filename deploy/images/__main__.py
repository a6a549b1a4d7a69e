"""Build each service's image, look into it, start it read-only: ``python -m deploy.images``.

    python -m deploy.images [SERVICE ...]

One line for each; exit code 1 when one fails. Without a builder nothing is tried, and a line says
so.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deploy.images import checks
from deploy.images.base import base
from deploy.images.builder import Builder, BuildFailed, missing
from deploy.images.container import NotStarted
from deploy.local.bootstrap import ROOT
from deploy.local.processes import SERVICES

FOLDER: Final = ROOT / ".local" / "images"
_TOLD: Final = 2000
_LINES: Final = 10


def main(argv: Sequence[str] | None = None) -> int:
    """Check the services that are named, or all; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.images", description=__doc__)
    parser.add_argument("services", nargs="*", metavar="SERVICE", choices=[*SERVICES, []])
    named = parser.parse_args(argv).services or SERVICES
    if why := missing():
        print(f"images: skipped: {why}")
        return 0
    builder = Builder(FOLDER)
    try:
        below = base(builder, FOLDER)
    except BuildFailed as exc:
        print(f"images: skipped: no image with Python to build on: {exc}")
        return 0
    faults = [fault for service in named for fault in _check(service, builder, below)]
    return min(1, len(faults))


def _check(service: str, builder: Builder, below: str) -> list[str]:
    """What is wrong with the image of *service*; tells it, too."""
    try:
        faults, good = _faults(service, builder, below)
    except (BuildFailed, NotStarted) as exc:
        faults, good = [f"{exc}"], ""
    for fault in faults[:_LINES]:
        print(f"{service}: FAIL: {fault[-_TOLD:]}")
    if not faults:
        print(f"{service}: ok: {good}", flush=True)
    return faults


def _faults(service: str, builder: Builder, below: str) -> tuple[list[str], str]:
    began = time.monotonic()
    image = builder.build(service, below)
    took = time.monotonic() - began
    try:
        with builder.root(image) as root:
            faults = list(checks.contents(service, root))
            started = checks.start(service, root, builder.config(image), _log(service))
            size = f"{checks.mib(root)} MiB, {checks.mib(root / 'venv')} of them packages"
    finally:
        builder.do("rmi", image)
    good = (
        f"built in {took:.0f} s, {size}; first answer after {started.seconds:.1f} s, "
        f"{started.rss_mib:.0f} MiB resident"
    )
    return [*faults, *started.faults], good


def _log(service: str) -> Path:
    return FOLDER / f"{service}.log"


if __name__ == "__main__":
    sys.exit(main())
