"""``/v1/tracks``: the public API of one track."""

import re
from typing import Final

from flask import Blueprint, current_app, jsonify, redirect, request
from flask.typing import ResponseReturnValue

from services.ingest.config import Settings
from services.ingest.edge.bodies import fingerprint, parse, read_json
from services.ingest.identity.callers import caller, tenant
from services.ingest.limits.admission import Limits
from services.ingest.prompts.refusals import no_such_image
from services.ingest.prompts.use_cases import Prompts
from services.ingest.tracks import catalog, files, views
from services.ingest.tracks.asked import Asked, KeyReused, NoSuchTrack, NotRetryable, WasErased
from services.ingest.tracks.details import Details
from services.ingest.tracks.use_cases import Tracks
from shared import rules
from shared.delivery import SIDES
from shared.edge import log_fields
from shared.messages import FileObject, TrackRequest
from shared.ports import Snapshot, UrlSigner
from shared.problems import Problem
from shared.track import Track

_KEY: Final = re.compile(r'("?)([\x21\x23-\x5b\x5d-\x7e]{1,255})\1')
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WAIT: Final = re.compile("[0-9]{1,2}")
_LONGEST_WAIT: Final = 60
_LOOK_AGAIN: Final = "2"
"""Seconds: how soon it is worth asking again for a track that has not ended."""
_RETRYABLE: Final = (
    f"Only failed and expired tracks can be retried, up to {rules.MAX_RUNS} runs; to have another"
    " track made, submit again, under another Idempotency-Key if there was one."
)


class TrackRoutes:
    """The views, with what they need."""

    def __init__(
        self,
        tracks: Tracks,
        details: Details,
        urls: UrlSigner,
        limits: Limits,
        settings: Settings,
        *,
        prompts: Prompts,
    ) -> None:
        """*urls* signs links to files; *limits* admits what costs; *prompts* knows images."""
        self._tracks = tracks
        self._details = details
        self._urls = urls
        self._limits = limits
        self._settings = settings
        self._prompts = prompts
        self._base = settings.public_url.rstrip("/")

    def blueprint(self) -> Blueprint:
        """The routes below ``/v1/tracks``."""
        api = Blueprint("tracks", __name__, url_prefix="/v1/tracks")
        api.add_url_rule("", view_func=self.submit, methods=["POST"])
        api.add_url_rule("/<track_id>", view_func=self.get, methods=["GET"])
        api.add_url_rule("/<track_id>/cancel", view_func=self.cancel, methods=["POST"])
        api.add_url_rule("/<track_id>/retry", view_func=self.retry, methods=["POST"])
        api.add_url_rule("/<track_id>/audio.<name>", view_func=self.audio, methods=["GET"])
        for kind in SIDES:
            api.add_url_rule(
                f"/<track_id>/{kind}", kind, self.side, methods=["GET"], defaults={"kind": kind}
            )
        api.register_error_handler(NoSuchTrack, no_such_track)
        return api

    def submit(self) -> ResponseReturnValue:
        """Accept one track: 202 with everything a client needs to follow it."""
        body = read_json()
        submission = parse(body, self._settings.targets)
        image = submission.image_id
        seen = self._prompts.find(tenant(), image) if image else None
        asked = Asked(
            tenant=tenant(),
            request=submission.to_request(seen),
            fingerprint=fingerprint(body),
            lifetime=submission.expires_in_seconds,
            key=idempotency_key(),
        )

        def check(request: TrackRequest) -> None:  # only of what is new: an image may be forgotten
            if image and not seen:
                raise no_such_image()
            _affordable(request, submission.max_cost_usd)

        try:
            track, replayed = self._limits.submit(caller(), asked, check)
        except KeyReused:
            raise Problem(
                422,
                "idempotency_key_reused",
                "This Idempotency-Key came before, with another body.",
                field="Idempotency-Key",
                cure="Send the first body again, or a new key.",
            ) from None
        except WasErased:
            raise Problem(
                409,
                "track_erased",
                "The track that this Idempotency-Key has made was erased.",
                field="Idempotency-Key",
                cure="Send a new key to have a track made.",
            ) from None
        answer = views.accepted(track, self._base)
        headers = {"Location": answer["links"]["self"]}
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        return answer, 202, headers

    def get(self, track_id: str) -> ResponseReturnValue:
        """The track as it is; with ``?wait=`` as soon as it has ended."""
        seen = self._tracks.wait(tenant(), checked_id(track_id), _patience())
        return self._detail(seen)

    def _detail(self, seen: Snapshot[Track]) -> ResponseReturnValue:
        assert seen.value is not None  # noqa: S101 - the use case raises otherwise
        shown = self._details.of(seen.value)
        response = jsonify(shown)
        response.set_etag(views.tag(shown), weak=True)
        if not seen.value.status.ended:
            response.headers["Retry-After"] = _LOOK_AGAIN
        return response.make_conditional(request)

    def cancel(self, track_id: str) -> ResponseReturnValue:
        """Cancel, with one of four answers (the fourth is a 404)."""
        answer = self._tracks.cancel(tenant(), checked_id(track_id))
        return {"request_id": track_id, "result": answer}

    def retry(self, track_id: str) -> ResponseReturnValue:
        """Run a failed or expired track again."""
        try:
            track = self._limits.retry(caller(), checked_id(track_id))
        except NotRetryable as exc:
            raise Problem(
                409,
                "not_retryable",
                f"The track is {exc}.",
                cure=_RETRYABLE,
            ) from None
        return views.requeued(track, self._base), 202

    def audio(self, track_id: str, name: str) -> ResponseReturnValue:
        """302 to a signed URL of one audio file, as soon as it is stored."""
        download = _download()
        return self._redirect(files.audio(self._track(track_id), name), download=download)

    def side(self, track_id: str, kind: str) -> ResponseReturnValue:
        """302 to a signed URL of the waveform, the spectrogram or the metadata."""
        return self._redirect(files.side(self._track(track_id), kind))

    def _track(self, track_id: str) -> Track:
        track = self._tracks.get(tenant(), checked_id(track_id)).value
        assert track is not None  # noqa: S101 - `get` raises otherwise
        return track

    def _redirect(
        self, found: tuple[FileObject, str], *, download: bool = False
    ) -> ResponseReturnValue:
        return redirect(self._urls.url(*found, download=download), 302)


def idempotency_key() -> str:
    """The ``Idempotency-Key``, as a quoted string or plain; empty when none was sent.

    Raises:
        Problem: 400, it is no such key.
    """
    sent = request.headers.get("Idempotency-Key")
    if sent is None:
        return ""
    found = _KEY.fullmatch(sent.strip())
    if not found:
        raise Problem(
            400,
            "invalid_field",
            "Idempotency-Key: not 1 to 255 visible ASCII characters.",
            field="Idempotency-Key",
            cure="Send a UUID.",
        )
    return found[2]


def _affordable(request: TrackRequest, limit: float | None) -> None:
    quote = catalog.quote_usd(request)
    if limit is not None and quote > limit:
        raise Problem(
            400,
            "max_cost_exceeded",
            f"max_cost_usd: this track costs {quote:.2f} US dollars.",
            field="max_cost_usd",
            cure="Allow the price, ask for a shorter track, or leave the field out.",
        )


def _patience() -> float:
    text = request.args.get("wait", "0")
    if not _WAIT.fullmatch(text) or int(text) > _LONGEST_WAIT:
        raise Problem(
            400,
            "invalid_field",
            "wait: not a whole number of seconds from 0 to 60.",
            field="wait",
            cure="Use ?wait=30.",
        )
    return float(text)


def _download() -> bool:
    text = request.args.get("download", "0")
    if text not in {"0", "1"}:
        raise Problem(
            400,
            "invalid_field",
            "download: neither 0 nor 1.",
            field="download",
            cure="Use ?download=1 to have browsers save the file.",
        )
    return text == "1"


def checked_id(track_id: str) -> str:
    """*track_id* when it can be one; nothing else gets to the store.

    Raises:
        NoSuchTrack: it cannot.
    """
    if not _ID.fullmatch(track_id):
        raise NoSuchTrack(track_id)
    log_fields(request_id=track_id)
    return track_id


def no_such_track(_: NoSuchTrack) -> ResponseReturnValue:
    """404, the same for what is not there and for what is another's."""
    # Flask answers 500 to whatever an error handler raises.
    return current_app.handle_user_exception(
        Problem(
            404,
            "no_such_track",
            "There is no such track, or none any more.",
            cure="Use a `request_id` that a submit has answered in the last 90 days.",
        )
    )
