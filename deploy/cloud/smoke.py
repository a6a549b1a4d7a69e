"""The smoke test of an ingest that nobody uses yet: it serves, describes itself, asks for keys."""

import json
import time
import urllib.error
import urllib.request
from typing import Final

_SECONDS: Final = 30
PAUSE: Final = 2.0
_TRIES: Final = 5
EXPECTED: Final = {"/startup": 200, "/openapi.json": 200, "/v1/models": 401}
"""Path -> status without a key."""


class SmokeFailed(RuntimeError):
    """A new version does not answer as it has to; the text names path and answer."""


def smoke(url: str, *, pause: float = PAUSE) -> None:
    """Return if the ingest at *url* answers as expected; a tag's URL takes seconds to be known.

    Raises:
        SmokeFailed: it does not, several times.
    """
    for left in reversed(range(_TRIES)):
        wrong = [line for path, status in EXPECTED.items() if (line := _wrong(url, path, status))]
        if not wrong:
            return
        if left:
            time.sleep(pause)
    raise SmokeFailed("; ".join(wrong))


def _wrong(url: str, path: str, expected: int) -> str:
    status, body = _get(url + path)
    if status != expected:
        return f"{path} answers {status}, not {expected}"
    try:
        json.loads(body)
    except ValueError:
        return f"{path} answers no JSON"
    return ""


def _get(url: str) -> tuple[int, bytes]:
    """Status and body; 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 - Cloud Run's own
            return answer.status, answer.read()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read()
    except OSError:
        return 0, b""
