"""Parts of the local stack, each as the process that it is in the stack."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.process import Process, free_port


@contextmanager
def running(module: str, *arguments: str | Path, log: Path, **env: str) -> Iterator[str]:
    """Run ``python -m MODULE --port N ARGUMENTS``; the value is its URL. It must end with 0."""
    port = free_port()
    command = [sys.executable, "-m", module, "--port", str(port), *arguments]
    process = Process(module, command, log, os.environ | env)
    try:
        process.wait_ready(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        code = process.stop()
    assert code == 0, f"{module} ended with {code}:\n{log.read_text()}"
