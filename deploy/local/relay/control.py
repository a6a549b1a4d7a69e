"""The relay's own HTTP port: certificates, tokens, faults, and a sweep on demand."""

from collections.abc import Sequence

from deploy.local.faults import Faults
from deploy.local.http import Handler, Request, Response
from deploy.local.relay.scheduler import SweepJob
from deploy.local.relay.tokens import Tokens


def control(tokens: Tokens, faults: Faults, jobs: Sequence[SweepJob]) -> Handler:
    """Answer ``GET /certs``, ``POST /token``, ``POST /tick`` and ``/_faults``.

    ``/token`` takes ``{"audience", "email", "form"?, claim: value or null...}`` and answers
    ``{"token"}``; ``/tick`` sweeps one service after the other and answers ``{service: outcome}``.
    """

    def handle(request: Request) -> Response:
        match request.method, request.path:
            case "GET", "/certs":
                return Response.json(tokens.certs())
            case "POST", "/token":
                return _token(tokens, request)
            case "POST", "/tick":
                return Response.json({job.name: job.run() for job in jobs})
        return faults.endpoint(request) or Response.text("no such page", 404)

    return handle


def _token(tokens: Tokens, request: Request) -> Response:
    claims = request.json()
    try:
        email, audience = claims.pop("email"), claims.pop("audience")
    except (AttributeError, KeyError):
        return Response.json({"error": "email and audience are needed"}, 400)
    form = claims.pop("form", "signed")
    return Response.json({"token": tokens.token(email, audience, form, claims)})
