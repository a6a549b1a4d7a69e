"""The rivals of ``benchmarks/webhooks.py``: loops that POST bodies with httpx, and nothing else.

    python benchmarks/bare.py plain|isolated|pooled URL < LINES

Each line is ``{"body": text, "headers": {}}``. Prints ``{"seconds", "cpu_seconds"}`` of the loop;
imports and the first POST are outside of it.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, Final

import httpx

Post = Callable[..., httpx.Response]
KINDS: Final = {
    "plain": "httpx.post for each body",
    "isolated": "a client for each, one TLS context",
    "pooled": "one client, one connection",
}


def main() -> None:
    """Post every line of stdin, one after the other."""
    kind, url = sys.argv[1:]
    hooks = [json.loads(line) for line in sys.stdin]
    with ExitStack() as stack:
        post = _post(kind, stack)
        _all(post, url, hooks[:1])
        began, cpu = time.perf_counter(), time.process_time()
        _all(post, url, hooks)
        took = {
            "seconds": time.perf_counter() - began,
            "cpu_seconds": time.process_time() - cpu,
        }
    print(json.dumps(took))


def _post(kind: str, stack: ExitStack) -> Post:
    if kind == "plain":
        return httpx.post
    tls = httpx.create_ssl_context()
    if kind == "pooled":
        return stack.enter_context(httpx.Client(verify=tls)).post

    def isolated(url: str, **request: Any) -> httpx.Response:
        with httpx.Client(verify=tls) as client:
            return client.post(url, **request)

    return isolated


def _all(post: Post, url: str, hooks: Sequence[dict[str, Any]]) -> None:
    for hook in hooks:
        post(url, content=hook["body"], headers=hook["headers"]).raise_for_status()


if __name__ == "__main__":
    main()
