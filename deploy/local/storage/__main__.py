"""`python -m deploy.local.storage --port N --data DIR --keys DIR`."""

import argparse
from pathlib import Path

from deploy.local import keys
from deploy.local.http import serve
from deploy.local.storage.server import application
from deploy.local.storage.state import State


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.storage", description=__doc__)
    parser.add_argument("--port", type=int, default=9023, help="0 takes a free one")
    parser.add_argument("--data", type=Path, required=True, help="folder of the state")
    parser.add_argument("--keys", type=Path, required=True, help="folder of the signing keys")
    options = parser.parse_args()
    keys.ensure(options.keys)
    options.data.mkdir(parents=True, exist_ok=True)
    state = State(options.data)
    serve(application(state, options.data, options.keys), options.port)
    state.close()


if __name__ == "__main__":
    main()
