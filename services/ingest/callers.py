"""Who calls: the tenant of the present request."""

from flask import Flask, g

from services.ingest.config import LOCAL_TENANT


def admit_all(app: Flask) -> None:
    """Take everybody for the local tenant, as the local stack does without keys."""

    def local() -> None:
        g.tenant = LOCAL_TENANT

    app.before_request(local)


def tenant() -> str:
    """The tenant on whose behalf the present request was made."""
    found: str = g.tenant
    return found
