"""Who calls: found before each view runs; every route is closed unless it is listed here."""

import hmac
import re
from dataclasses import dataclass
from typing import Final

from flask import Flask, current_app, g, request

from services.ingest.config import LOCAL_TENANT
from services.ingest.identity.keys import Holder, Keys
from services.ingest.identity.origins import Origins
from services.ingest.identity.sessions import COOKIE, Session, Sessions
from shared.edge import log_fields
from shared.problems import Problem
from shared.tenants import Limits

PUBLIC: Final = frozenset(
    {"/", "/startup", "/live", "/docs", "/openapi.json", "/.well-known/webhook-keys"}
    | {"/internal/token"}
)
"""Rules of routes that anybody may call."""
PUBLIC_BELOW: Final = ("/docs/", "/studio/")
_BEARER: Final = re.compile(r"bearer +(\S+)", re.IGNORECASE)
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_EXTENSION: Final = "motif-callers"


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a request was made, and what that tenant may use."""

    tenant: str
    limits: Limits
    key_id: str = ""
    """Empty where no key was asked for."""


class Callers:
    """Tells callers by their key, or by the session that a key has opened."""

    def __init__(self, keys: Keys, sessions: Sessions, origins: Origins, *, auth: bool) -> None:
        """Without *auth* everybody is the local tenant."""
        self.keys = keys
        self.sessions = sessions
        self.origins = origins
        self.auth = auth

    def install(self, app: Flask) -> None:
        """Have the caller of each request found before its view runs."""
        app.extensions[_EXTENSION] = self
        app.before_request(self._find)

    def of_tenant(self, tenant: str) -> Caller:
        """The caller that stands for a tenant of whom no key is asked.

        Raises:
            StoreUnavailable: Firestore does not answer.
        """
        return Caller(tenant, self.keys.limits(tenant))

    def session(self) -> tuple[Session, Holder] | None:
        """The session of this request, and the key behind it; None: none that counts.

        A cookie counts only where our own pages sent it, and while its key is live.

        Raises:
            StoreUnavailable: Firestore does not answer.
        """
        session = self.sessions.open(request.cookies.get(COOKIE, ""))
        holder = self.keys.by_id(session.key_id) if session else None
        if not (session and holder and holder.tenant == session.tenant):
            return None
        return (session, holder) if self._meant(session) else None

    def _meant(self, session: Session) -> bool:
        """Whether a page of ours sends this: for a read False, for a write a refusal."""
        own = self.origins.own()
        if request.method in _SAFE:
            return own
        token = request.headers.get("X-CSRF-Token", "").encode()
        if not (own and hmac.compare_digest(token, session.csrf.encode())):
            raise csrf_failed()
        return True

    def _find(self) -> None:
        rule = request.url_rule  # None: Flask is about to answer 404 or 405
        if rule is not None and not is_public(rule.rule):
            g.caller = self._caller()
            log_fields(tenant=g.caller.tenant, key_id=g.caller.key_id)

    def _caller(self) -> Caller:
        if not self.auth:
            return self.of_tenant(LOCAL_TENANT)
        header = request.headers.get("Authorization")
        if header is None:
            holder = found[1] if (found := self.session()) else None
        else:
            shown = _BEARER.fullmatch(header)
            holder = self.keys.holder(shown[1] if shown else "")
        if holder is None:
            raise unauthenticated()
        return Caller(holder.tenant, holder.limits, holder.key_id)


def caller() -> Caller:
    """Who made the present request."""
    found: Caller = g.caller
    return found


def tenant() -> str:
    """The tenant on whose behalf the present request was made."""
    return caller().tenant


def act_for(tenant: str) -> None:
    """Take the present request, which needs no key, for this tenant's.

    Raises:
        StoreUnavailable: Firestore does not answer.
    """
    g.caller = _installed().of_tenant(tenant)


def origin_allowed() -> bool:
    """Whether the page that sends the present request may: a WebSocket knows no CORS."""
    return _installed().origins.allowed()


def is_public(rule: str) -> bool:
    """Whether anybody may call the route of this rule."""
    return rule in PUBLIC or rule.startswith(PUBLIC_BELOW)


def unauthenticated() -> Problem:
    """401, the same for every key that is none."""
    return Problem(
        401,
        "unauthenticated",
        "This call needs an API key, and none that is good came with it.",
        cure="Send the header Authorization: Bearer mk_..., with a key that was not revoked.",
        headers={"WWW-Authenticate": "Bearer"},
    )


def csrf_failed() -> Problem:
    """403: the browser holds a session, but it does not show that our page wants this."""
    return Problem(
        403,
        "csrf_failed",
        "A write with the session's cookie must come from our own page, with its token.",
        field="X-CSRF-Token",
        cure="Send X-CSRF-Token with the `csrf` of GET /studio/session, from the Studio's origin.",
    )


def _installed() -> Callers:
    found: Callers = current_app.extensions[_EXTENSION]
    return found
