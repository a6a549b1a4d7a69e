"""One POST, as Google's callers make it: no redirects, no proxies, exactly these headers."""

from collections.abc import Mapping

import requests

Outcome = int | str
"""The status of the answer, or the name of what came instead of one."""


def post(url: str, headers: Mapping[str, str], data: bytes, seconds: float) -> Outcome:
    """POST over a connection of its own: a kept one may die just when it is used again."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers.clear()
        try:
            answer = session.post(
                url, data=data, headers=headers, timeout=seconds, allow_redirects=False
            )
        except requests.RequestException as exc:
            return type(exc).__name__
        return answer.status_code
