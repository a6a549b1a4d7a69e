"""The calls about tracks."""

from typing import Final

from services.ingest.openapi.operations import Answer, Call, Parameter
from services.ingest.tracks import answers, catalog
from services.ingest.tracks.submission import Submission

TAG: Final = "Tracks"
_OWN: Final = "/v1/tracks/{track_id}"
_ID: Final = "$response.body#/request_id"
_LINKED: Final = {"getTrack": _ID, "cancelTrack": _ID}
KEY: Final = Parameter(
    name="Idempotency-Key",
    where="header",
    about="1 to 255 visible ASCII characters, such as a UUID. The same key with the same body"
    " gets the first answer again, also after completion.",
    schema={
        "type": "string",
        "pattern": r'^("[!#-\[\]-~]{1,255}"|[!#-\[\]-~]{1,255})$',
    },
    example="5f7c1f0e-4a35-4a7e-9a44-0d9c6f9f1d52",
)
_WAIT: Final = Parameter(
    name="wait",
    about="Answer when the track has ended, after so many seconds at the latest.",
    schema={"type": "integer", "minimum": 0, "maximum": 60, "default": 0},
    example=30,
)
_DOWNLOAD: Final = Parameter(
    name="download",
    about="1: a browser saves the file, as `motif-ID.FORMAT`, instead of playing it.",
    schema={"type": "integer", "enum": [0, 1], "default": 0},
    example=1,
)
_NO_TRACK: Final = ("no_such_track",)
_REDIRECT: Final = Answer(
    status=302, about="The file, behind a signed URL good for 15 minutes.", headers=("Location",)
)


def _file(
    path: str, name: str, summary: str, *codes: str, taking: tuple[Parameter, ...] = ()
) -> Call:
    return Call(
        method="GET",
        path=f"{_OWN}/{path}",
        name=name,
        tag=TAG,
        summary=summary,
        about="Range requests work at the redirect's target. Do not send your key there.",
        parameters=taking,
        answers=(_REDIRECT,),
        codes=(*_NO_TRACK, "not_completed", *codes, "storage_unavailable"),
    )


CALLS: Final = (
    Call(
        method="POST",
        path="/v1/tracks",
        name="submitTrack",
        tag=TAG,
        summary="Submit a track",
        about=f"Durable as soon as it is answered. A track costs 0.06 US dollars for each clip of"
        f" 32.768 s; it is at most {catalog.MAX_SECONDS} s long.",
        body=Submission,
        parameters=(KEY,),
        answers=(
            Answer(
                status=202,
                about="Accepted, or accepted before under the same key.",
                body=answers.Accepted,
                headers=("Location", "Idempotent-Replayed"),
                links=_LINKED,
            ),
        ),
        codes=(
            *("missing_field", "target_not_allowed", "max_cost_exceeded"),
            *("webhook_secret_missing", "idempotency_key_reused", "track_erased"),
            *("too_many_tracks", "spend_cap_reached", "no_such_image"),
        ),
    ),
    Call(
        method="GET",
        path=_OWN,
        name="getTrack",
        tag=TAG,
        summary="The whole state of a track",
        parameters=(
            _WAIT,
            Parameter(
                name="If-None-Match",
                where="header",
                about="An earlier `ETag`: 304 while nothing has changed.",
                schema={"type": "string"},
            ),
        ),
        answers=(
            Answer(
                status=200,
                about="The track.",
                body=answers.TrackDetail,
                headers=("ETag",),
                links={"cancelTrack": _ID, "retryTrack": _ID},
            ),
            Answer(status=304, about="Nothing has changed.", headers=("ETag",)),
        ),
        codes=_NO_TRACK,
    ),
    Call(
        method="POST",
        path=f"{_OWN}/cancel",
        name="cancelTrack",
        tag=TAG,
        summary="Cancel a track",
        about="Of a running track, no further clip is paid for.",
        answers=(
            Answer(status=200, about="What became of it.", body=answers.Cancelled, links=_LINKED),
        ),
        codes=_NO_TRACK,
    ),
    Call(
        method="POST",
        path=f"{_OWN}/retry",
        name="retryTrack",
        tag=TAG,
        summary="Run a failed or expired track again",
        about="Clips that were paid for in the last 7 days are used again.",
        answers=(
            Answer(
                status=202,
                about="It is queued again, as its next run.",
                body=answers.Requeued,
                links=_LINKED,
            ),
        ),
        codes=(*_NO_TRACK, "not_retryable", "too_many_tracks", "spend_cap_reached"),
    ),
    _file(
        *("audio.{name}", "getAudio", "The audio in one format", "no_such_format"),
        taking=(_DOWNLOAD,),
    ),
    _file("waveform", "getWaveform", "Peaks for drawing (audiowaveform v2 JSON)", "no_such_file"),
    _file("spectrogram", "getSpectrogram", "A picture of the sound (PNG)", "no_such_file"),
    _file("metadata", "getMetadata", "Recipe, seeds, measures, checksums, cost", "no_such_file"),
)
