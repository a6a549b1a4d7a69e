"""``python -m motif``: the command line."""

import sys

from motif.cli import main

if __name__ == "__main__":
    sys.exit(main())
