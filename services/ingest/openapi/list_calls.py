"""The calls about all tracks of a tenant, about models and money, and the live ones."""

from typing import Final

from services.ingest.openapi.operations import JSON, PAGING, Answer, Call, Parameter
from services.ingest.openapi.track_calls import TAG
from services.ingest.tracks import catalog
from services.ingest.tracks import list_answers as library
from shared.track import Status

LIVE: Final = "Live status"
ACCOUNT: Final = "Models and money"
_OWN: Final = "/v1/tracks/{track_id}"
_FILTERS: Final = (
    Parameter(
        name="status",
        about="Only tracks of this status, or of one of several, by commas.",
        schema={
            "type": "array",
            "items": {"type": "string", "enum": [*map(str, Status)]},
            "minItems": 1,
        },
        example=["completed", "failed"],
    ),
    Parameter(
        name="style",
        about="Only tracks of this style.",
        schema={"type": "string", "enum": [*catalog.STYLES]},
    ),
    Parameter(
        name="batch",
        about="Only tracks of this batch.",
        schema={"type": "string", "minLength": 1, "maxLength": 64},
    ),
)
_LAST: Final = Parameter(
    name="Last-Event-ID",
    where="header",
    about="The `id` of the last event that came: what is older is not told again.",
    schema={"type": "string"},
)
_SSE_EVENT: Final = {
    "type": "object",
    "description": "One event of the stream.",
    "properties": {
        "id": {"type": "string", "description": "To be sent back as `Last-Event-ID`."},
        "data": {
            "type": "string",
            "contentMediaType": JSON,
            "contentSchema": {"$ref": "#/components/schemas/TrackDetail"},
        },
    },
    "required": ["id", "data"],
}
_DAYS: Final = Parameter(
    name="days",
    about="How many days, today included.",
    schema={"type": "integer", "minimum": 1, "maximum": 90, "default": 30},
    example=7,
)

CALLS: Final = (
    Call(
        method="GET",
        path="/v1/tracks",
        name="listTracks",
        tag=TAG,
        summary="All tracks, newest first",
        about="From a cursor on. A track is here what `getTrack` shows, without `webhook` and"
        " `eta`.",
        parameters=(*PAGING, *_FILTERS),
        answers=(Answer(status=200, about="A part of the list.", body=library.TrackList),),
    ),
    Call(
        method="DELETE",
        path=_OWN,
        name="deleteTrack",
        tag=TAG,
        summary="Erase an ended track: its files, texts and addresses",
        about="At once for everybody; what it cost stays in the usage.",
        answers=(Answer(status=204, about="It is erased, or was before."),),
        codes=("no_such_track", "not_ended"),
    ),
    Call(
        method="GET",
        path=f"{_OWN}/events",
        name="followTrack",
        tag=LIVE,
        summary="The track as it changes (Server-Sent Events)",
        about="Each event's `data` is the body of `getTrack` in one line. After the track's ending"
        " the stream ends; comments come as heartbeats.",
        parameters=(_LAST,),
        answers=(
            Answer(status=200, about="The stream.", media="text/event-stream", schema=_SSE_EVENT),
            Answer(status=204, about="The last event was the ending: do not come again."),
        ),
        codes=("no_such_track", "too_many_streams"),
    ),
    Call(
        method="GET",
        path=f"{_OWN}/stream",
        name="streamTrack",
        tag=LIVE,
        summary="The same as a WebSocket",
        about="Text messages, each the body of `getTrack`. Close codes: 1000 after the ending,"
        " 1012 to come again, 1008 when you have sent something.",
        answers=(Answer(status=101, about="The WebSocket is open."),),
        codes=("no_such_track", "origin_not_allowed", "upgrade_required", "too_many_streams"),
    ),
    Call(
        method="GET",
        path="/v1/models",
        name="listModels",
        tag=ACCOUNT,
        summary="What can be asked for, and what it costs",
        answers=(
            Answer(status=200, about="The models.", body=library.Models, headers=("ETag",)),
            Answer(status=304, about="Nothing has changed.", headers=("ETag",)),
        ),
    ),
    Call(
        method="GET",
        path="/v1/usage",
        name="getUsage",
        tag=ACCOUNT,
        summary="What was made and billed, day by day",
        about="Days are in UTC.",
        parameters=(_DAYS,),
        answers=(Answer(status=200, about="The days, newest first.", body=library.Usage),),
    ),
)
