"""Sessions of the Studio: a cookie that only we can seal, bound to the key that opened it."""

import json
import secrets
from dataclasses import asdict, dataclass, field
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from shared.vault import fernets

COOKIE: Final = "motif_session"
SECONDS: Final = 12 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who signed in, with which key."""

    key_id: str
    tenant: str
    csrf: str = field(repr=False)
    """What each write of the page has to show: the cookie alone proves no wish."""


class Sessions:
    """Seals and opens cookies; keeps nothing; thread-safe."""

    def __init__(self, keys: str) -> None:
        """*keys*: newest first, by blanks or commas; the first seals, each of them opens.

        Without any, sessions end with this process.

        Raises:
            ValueError: one of them is no key; the text never holds it.
        """
        self._fernet = MultiFernet(fernets(keys) or [Fernet(Fernet.generate_key())])

    def start(self, key_id: str, tenant: str) -> tuple[str, Session]:
        """The cookie of a new session, and the session."""
        session = Session(key_id=key_id, tenant=tenant, csrf=secrets.token_urlsafe(32))
        return self._fernet.encrypt(json.dumps(asdict(session)).encode()).decode(), session

    def open(self, cookie: str) -> Session | None:
        """The session; None: not sealed by us, or more than 12 hours old."""
        try:
            plain = self._fernet.decrypt(cookie.encode(), ttl=SECONDS)
            return Session(**json.loads(plain))
        except (InvalidToken, ValueError, TypeError):  # or under our key, but no session
            return None
