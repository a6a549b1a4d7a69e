"""The receiving end of a webhook: wait for it in the sink, check its signature."""

import base64
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any, Final

import requests

_POLL_SECONDS: Final = 0.25
_TOLERANCE: Final = 300


class NoWebhook(RuntimeError):
    """Nothing came, or something that we would not trust."""


def received(sink: str, path: str, secret: str, seconds: float) -> dict[str, Any]:
    """The payload that was POSTed to *path* of the sink, verified.

    Raises:
        NoWebhook: nothing came within *seconds*, or its signature is not good.
    """
    end = time.monotonic() + seconds
    while not (posts := _posts(sink, path)):
        if time.monotonic() > end:
            raise NoWebhook(f"no webhook came to {sink}{path} within {seconds:.0f} s")
        time.sleep(_POLL_SECONDS)
    return verified(posts[0]["headers"], base64.b64decode(posts[0]["body_base64"]), secret)


def verified(headers: Mapping[str, str], body: bytes, secret: str) -> dict[str, Any]:
    """*body* as JSON if one of *secret*'s keys signed it lately (Standard Webhooks 1.0.0).

    *headers* have lower-case names; *secret* is one ``whsec_`` text, or several with blanks.

    Raises:
        NoWebhook: it is not signed so.
    """
    try:
        identity, stamp = headers["webhook-id"], headers["webhook-timestamp"]
        given = headers["webhook-signature"].split()
        age = abs(time.time() - int(stamp))
    except (KeyError, ValueError):
        raise NoWebhook("the webhook is not signed") from None
    signed = b"%b.%b.%b" % (identity.encode(), stamp.encode(), body)
    keys = [base64.b64decode(one.removeprefix("whsec_")) for one in secret.split()]
    good = ["v1," + base64.b64encode(hmac.digest(k, signed, "sha256")).decode() for k in keys]
    if age > _TOLERANCE or not any(hmac.compare_digest(a, b) for a in given for b in good):
        raise NoWebhook("the webhook's signature is not good")
    payload: dict[str, Any] = json.loads(body)
    return payload


def _posts(sink: str, path: str) -> list[dict[str, Any]]:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"{sink}/_received", params={"path": path}, timeout=10)
        answer.raise_for_status()
        posts: list[dict[str, Any]] = answer.json()
        return posts
