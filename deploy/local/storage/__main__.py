"""`python -m deploy.local.storage --port N --data DIR --keys DIR`."""

import argparse
import os
from pathlib import Path

from deploy.local import keys
from deploy.local.http import serve
from deploy.local.storage.edge import BackendBucket
from deploy.local.storage.server import application
from deploy.local.storage.state import State
from shared.cdn import read_keys


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
    serve(application(state, options.data, options.keys, _cdn()), options.port)
    state.close()


def _cdn() -> BackendBucket:
    """Cloud CDN before OUTPUT_BUCKET, with the keys that ingest has."""
    keys = {key.name: key.secret for key in read_keys(os.environ.get("CDN_KEYS", ""))}
    return BackendBucket(os.environ.get("OUTPUT_BUCKET", ""), keys)


if __name__ == "__main__":
    main()
