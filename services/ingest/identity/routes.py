"""``/studio/session``: signing in to the Studio with a key, once, for twelve hours."""

import math
from typing import Final

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ConfigDict, Field, StrictStr

from services.ingest.config import LOCAL_TENANT
from services.ingest.edge.bodies import read_json, validated
from services.ingest.identity.addresses import Addresses
from services.ingest.identity.attempts import Attempts
from services.ingest.identity.callers import Callers, csrf_failed, unauthenticated
from services.ingest.identity.sessions import COOKIE, SECONDS
from services.ingest.tracks.list_answers import SessionState
from shared.problems import Problem

CURES: Final = {"key": "Send an API key: mk_..."}


class SignIn(BaseModel):
    """The body of a sign-in."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    key: StrictStr = Field(repr=False)


class SessionRoutes:
    """The views, with what they need."""

    def __init__(self, callers: Callers, addresses: Addresses) -> None:
        """*addresses*: so often may sign-ins fail from each."""
        self._callers = callers
        self._attempts = Attempts()
        self._addresses = addresses

    def blueprint(self) -> Blueprint:
        """The three routes."""
        api = Blueprint("session", __name__, url_prefix="/studio")
        api.add_url_rule("/session", view_func=self.show, methods=["GET"])
        api.add_url_rule("/session", view_func=self.sign_in, methods=["POST"])
        api.add_url_rule("/session", view_func=self.sign_out, methods=["DELETE"])
        return api

    def show(self) -> ResponseReturnValue:
        """Whether somebody is signed in here, and the token that writes need."""
        found = self._callers.session() if self._callers.auth else None
        return self._body(found[0].tenant, found[0].csrf) if found else self._body()

    def sign_in(self) -> ResponseReturnValue:
        """Open a session with a key: 200 and the cookie."""
        if not self._callers.origins.own():
            raise csrf_failed()
        wanted = validated(SignIn, read_json(), CURES)
        if not self._callers.auth:
            return self._body()
        address = self._addresses.caller()
        self._admit(address)
        holder = self._callers.keys.holder(wanted.key)
        if holder is None:
            raise unauthenticated()
        self._attempts.forgive(address)
        cookie, session = self._callers.sessions.start(holder.key_id, holder.tenant)
        response = jsonify(self._body(session.tenant, session.csrf))
        self._set(response, cookie, SECONDS)
        return response

    def sign_out(self) -> ResponseReturnValue:
        """Forget the session in this browser; no session is as good: 204."""
        if self._callers.auth:
            self._callers.session()  # refuses what our own page does not want
        response = Response(status=204)
        self._set(response, "", 0)
        return response

    def _body(self, tenant: str | None = None, csrf: str | None = None) -> SessionState:
        auth = self._callers.auth
        return {
            "auth": "on" if auth else "off",
            "signed_in": tenant is not None,
            "tenant": tenant if auth else LOCAL_TENANT,
            "csrf": csrf,
        }

    def _set(self, response: Response, cookie: str, seconds: int) -> None:
        secure = self._callers.origins.secure
        response.set_cookie(
            COOKIE, cookie, max_age=seconds, secure=secure, httponly=True, samesite="Strict"
        )

    def _admit(self, address: str) -> None:
        if wait := self._attempts.take(address):
            raise Problem(
                429,
                "too_many_sign_ins",
                "Too many sign-ins with a wrong key came from this address.",
                cure="Wait a little, then sign in with a key that was not revoked.",
                headers={"Retry-After": str(math.ceil(wait))},
            )
