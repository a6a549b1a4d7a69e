"""The calls that are about no track of a tenant: pages, probes, and the first service's."""

from typing import Annotated, Final, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from services.ingest.edge.schemas import described
from services.ingest.identity.routes import SignIn
from services.ingest.openapi.operations import Answer, Call
from services.ingest.openapi.track_calls import KEY
from services.ingest.tracks import answers, catalog
from services.ingest.tracks.list_answers import SessionState

TAG: Final = "Service"
STUDIO: Final = "Studio"
_SESSION: Final = "/studio/session"
_ERROR: Final = {
    400: "It cannot be taken, in the first service's words.",
    409: "The track of the Idempotency-Key was erased.",
    413: "The body is too long.",
    422: "The Idempotency-Key came before, with another body.",
    429: "A limit of the tenant that pays is reached.",
    500: "Trouble of ours.",
}


@described
class LegacyBody(TypedDict):
    """What the first service took; it ignores what it does not know."""

    prompt: Annotated[
        str,
        Field(
            min_length=catalog.PROMPT_LENGTH.start,
            max_length=catalog.PROMPT_LENGTH.stop - 1,
            json_schema_extra={"format": "plain-text"},
        ),
    ]
    style: NotRequired[str]
    """One that is not known becomes `instrumental`."""
    duration_seconds: NotRequired[Annotated[int, Field(ge=catalog.MIN_SECONDS)]]
    """Capped at 300."""
    tempo: NotRequired[str]
    """One that is not known becomes `moderate`."""


def _probe(path: str, name: str, summary: str) -> Call:
    return Call(
        method="GET",
        path=path,
        name=name,
        tag=TAG,
        summary=summary,
        answers=(Answer(status=200, about="Yes.", body=dict[str, str]),),
        public=True,
    )


def _page(path: str, name: str, summary: str, media: str) -> Call:
    return Call(
        method="GET",
        path=path,
        name=name,
        tag=TAG,
        summary=summary,
        answers=(
            Answer(status=200, about="It.", media=media, headers=("ETag",)),
            Answer(status=304, about="Nothing has changed.", headers=("ETag",)),
        ),
        public=True,
    )


CALLS: Final = (
    _page("/", "getStudio", "The Studio", "text/html"),
    Call(
        method="GET",
        path=_SESSION,
        name="getSession",
        tag=STUDIO,
        summary="Whether somebody is signed in here",
        answers=(Answer(status=200, about="The session.", body=SessionState),),
        codes=("store_unavailable",),
        public=True,
    ),
    Call(
        method="POST",
        path=_SESSION,
        name="signIn",
        tag=STUDIO,
        summary="Sign in to the Studio with a key",
        about="For twelve hours, by a cookie that scripts cannot read.",
        body=SignIn,
        answers=(
            Answer(status=200, about="Signed in.", body=SessionState, headers=("Set-Cookie",)),
        ),
        codes=(
            *("missing_field", "unauthenticated", "csrf_failed", "too_many_sign_ins"),
            "store_unavailable",
        ),
        public=True,
    ),
    Call(
        method="DELETE",
        path=_SESSION,
        name="signOut",
        tag=STUDIO,
        summary="Sign out",
        answers=(Answer(status=204, about="Nobody is signed in.", headers=("Set-Cookie",)),),
        codes=("csrf_failed", "store_unavailable"),
        public=True,
    ),
    Call(
        method="POST",
        path="/",
        name="submitLegacy",
        tag=TAG,
        summary="The first service's contract",
        about="For clients that were written for it: lenient, and with errors of its own shape.",
        body=LegacyBody,
        parameters=(KEY,),
        answers=(
            Answer(status=200, about="Accepted.", body=answers.Legacy),
            *(
                Answer(status=status, about=about, body=answers.LegacyError)
                for status, about in _ERROR.items()
            ),
        ),
        public=True,
        own_errors=True,
    ),
    _page("/openapi.json", "getDocument", "This document", "application/json"),
    _page("/docs", "getDocs", "This document as a page", "text/html"),
    _probe("/startup", "getStartup", "Whether it has started"),
    _probe("/live", "getLive", "Whether it is alive"),
)
