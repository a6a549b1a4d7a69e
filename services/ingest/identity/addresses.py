"""Whose address a request comes from, told by what stands before us and never by the caller."""

from typing import Final

from flask import request

_HEADER: Final = "X-Forwarded-For"


class Addresses:
    """Reads ``X-Forwarded-For`` from its end: each proxy adds there whom it was called by."""

    def __init__(self, proxies: frozenset[str], *, proxied: bool) -> None:
        """*proxied*: as on Cloud Run, whose front end adds an address; *proxies*: such of ours."""
        self._proxies = proxies
        self._proxied = proxied

    def caller(self) -> str:
        """The last address that is no proxy of ours: what comes before it is hearsay."""
        told = request.headers.get(_HEADER, "") if self._proxied else ""
        for address in reversed([word.strip() for word in told.split(",")]):
            if address and address not in self._proxies:
                return address
        return request.remote_addr or ""
