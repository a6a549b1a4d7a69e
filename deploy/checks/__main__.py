"""Check what is deployed, without an account: ``python -m deploy.checks [NAME ...]``.

One line for each check; exit code 1 when any fails. ``--list`` names them.
"""

import argparse
import sys
import time
from collections.abc import Sequence

from deploy.checks.fault import Fault
from deploy.checks.table import CHECKS


def main(argv: Sequence[str] | None = None) -> int:
    """Run the checks that are named, or all; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.checks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CHECKS)}")
    parser.add_argument("--list", action="store_true", help="only say which there are")
    options = parser.parse_args(argv)
    unknown = [name for name in options.names if name not in CHECKS]
    if unknown:
        parser.error(f"no such check: {', '.join(unknown)}; there are {', '.join(CHECKS)}")
    if options.list:
        print("\n".join(CHECKS))
        return 0
    return min(1, sum([not _holds(name) for name in options.names or CHECKS]))


def _holds(name: str) -> bool:
    began = time.monotonic()
    try:
        good = CHECKS[name]()
    except Fault as fault:
        first, *others = fault.lines()
        print(f"FAIL {name}: {first}")
        for line in others:
            print(f"     {line}")
    else:
        print(f"ok   {name}: {good} ({time.monotonic() - began:.1f} s)")
        return True
    finally:
        sys.stdout.flush()
    return False


if __name__ == "__main__":
    sys.exit(main())
