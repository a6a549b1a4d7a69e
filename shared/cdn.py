"""Cloud CDN's signed URLs: HMAC-SHA1 under a key that the backend bucket holds, too."""

import base64
import hmac
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from shared.delivery import LIFETIME
from shared.messages import FileObject

MOST_KEYS: Final = 3
"""That a backend bucket holds."""
_KEY: Final = re.compile(r"([A-Za-z0-9_-]{1,63}):([A-Za-z0-9_-]{22}==)")
_BETWEEN: Final = re.compile(r"[\s,]+")


@dataclass(frozen=True, slots=True)
class Key:
    """One signing key, as it is called on the backend bucket."""

    name: str
    secret: bytes = field(repr=False)


def read_keys(text: str) -> tuple[Key, ...]:
    """Keys that stand in one text by blanks or commas, newest first.

    Raises:
        ValueError: one of them is no key, or they are too many; the text never holds a key.
    """
    words = [word for word in _BETWEEN.split(text) if word]
    found = tuple(_key(word, place) for place, word in enumerate(words, start=1))
    if len(found) > MOST_KEYS:
        raise ValueError(f"more than {MOST_KEYS} CDN keys: a backend bucket takes no more")
    if len({key.name for key in found}) < len(found):
        raise ValueError("two CDN keys have one name")
    return found


def _key(word: str, place: int) -> Key:
    given = _KEY.fullmatch(word)
    if not given:
        raise ValueError(f"CDN key {place} is not NAME:KEY, the key 16 bytes as base64url")
    return Key(given[1], base64.urlsafe_b64decode(given[2]))


def signed_url(url: str, key: Key, expires: int) -> str:
    """*url*, to be used exactly as it is, until *expires* (seconds since 1970)."""
    joined = f"{url}{'&' if '?' in url else '?'}Expires={expires}&KeyName={key.name}"
    return f"{joined}&Signature={_signature(joined, key)}"


def signed_prefix(prefix: str, key: Key, expires: int) -> str:
    """What to append to the query of any URL that begins with *prefix* (scheme and host too)."""
    encoded = base64.urlsafe_b64encode(prefix.encode()).decode()
    policy = f"URLPrefix={encoded}&Expires={expires}&KeyName={key.name}"
    return f"{policy}&Signature={_signature(policy, key)}"


def _signature(text: str, key: Key) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key.secret, text.encode(), "sha1")).decode()


class CdnUrls:
    """``UrlSigner`` for a bucket behind Cloud CDN; nothing leaves the process to sign."""

    def __init__(self, base: str, key: Key, *, now: Callable[[], float] = time.time) -> None:
        """*base*: scheme and host that the load balancer sends to the backend bucket."""
        self._base = base
        self._key = key
        self._now = now

    @property
    def origin(self) -> str:
        """Where URLs lead to: scheme and host."""
        return self._base

    def url(
        self,
        file: FileObject,
        filename: str,  # noqa: ARG002 - the stored object says it: no link can at the edge
        *,
        download: bool = False,  # noqa: ARG002
    ) -> str:
        """A GET URL of exactly this generation, good for 15 minutes; see ``UrlSigner``."""
        name = file.uri.removeprefix("gs://").partition("/")[2]
        plain = f"{self._base}/{quote(name, safe='/~')}?generation={file.generation}"
        return signed_url(plain, self._key, int(self._now() + LIFETIME.total_seconds()))
