"""Webhooks in the public API: what became of each, redelivery, the list of events, tests."""

import re
from typing import Annotated, Final

from flask import Blueprint, current_app, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ConfigDict, Field, StrictStr

from services.ingest.config import Settings
from services.ingest.edge.bodies import check_callback, read_json, validated
from services.ingest.edge.cursors import shown, window
from services.ingest.edge.schemas import OneOf
from services.ingest.identity.callers import tenant
from services.ingest.tracks.asked import NoSuchTrack
from services.ingest.tracks.routes import checked_id, no_such_track
from services.ingest.tracks.use_cases import Tracks
from services.ingest.webhooks import samples
from services.ingest.webhooks import views as webhook_views
from services.ingest.webhooks.answers import EventDetail, WebhookOfTrack
from services.ingest.webhooks.endpoints import Endpoints, NoSuchEndpoint
from services.ingest.webhooks.secrets import Secrets
from services.ingest.webhooks.use_cases import GONE, NoSuchWebhook, Webhooks, absence
from shared.problems import Problem
from shared.track import Track
from shared.webhooks import TEST_EVENT, Delivery

_WEBHOOK: Final = re.compile("msg_[a-z2-7]{52}")
_ENDPOINT: Final = re.compile("ep_[a-z2-7]{52}")
_URL: Final = Field(json_schema_extra={"format": "uri", "pattern": "^https://"})
_TYPES: Final = ", ".join(samples.TYPES)
CURES: Final = {
    "callback_url": "Send the https URL of your receiver.",
    "type": f"Use one of: {_TYPES}; or leave it out.",
}
"""Field of a test -> what to send instead."""


class Test(BaseModel):
    """The body of a test: where to send what."""

    __test__ = False  # no test of ours

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    callback_url: Annotated[StrictStr, _URL]
    type: Annotated[StrictStr, OneOf(samples.TYPES)] = TEST_EVENT


class WebhookRoutes:
    """The views, with what they need."""

    def __init__(
        self,
        *,
        tracks: Tracks,
        webhooks: Webhooks,
        endpoints: Endpoints,
        secrets: Secrets,
        settings: Settings,
    ) -> None:
        """*secrets* tells whether a test could be signed."""
        self._tracks = tracks
        self._webhooks = webhooks
        self._endpoints = endpoints
        self._secrets = secrets
        self._settings = settings
        self._base = settings.public_url.rstrip("/")

    def blueprint(self) -> Blueprint:
        """The routes of a track's webhook, and those below ``/v1/webhooks``."""
        api = Blueprint("webhooks", __name__, url_prefix="/v1")
        for method, path, view in (
            ("GET", "/tracks/<track_id>/webhook", self.of_track),
            ("POST", "/tracks/<track_id>/webhook/redeliver", self.redeliver_ending),
            ("GET", "/webhooks/events", self.events),
            ("GET", "/webhooks/events/<webhook_id>", self.event),
            ("POST", "/webhooks/events/<webhook_id>/redeliver", self.redeliver),
            ("POST", "/webhooks/test", self.test),
            ("GET", "/webhooks/endpoints", self.endpoints),
            ("GET", "/webhooks/endpoints/<endpoint_id>", self.endpoint),
            ("POST", "/webhooks/endpoints/<endpoint_id>/enable", self.enable),
        ):
            api.add_url_rule(path, view_func=view, methods=[method])
        api.register_error_handler(NoSuchTrack, no_such_track)
        api.register_error_handler(NoSuchWebhook, _no_such_webhook)
        api.register_error_handler(NoSuchEndpoint, _no_such_endpoint)
        return api

    def of_track(self, track_id: str) -> ResponseReturnValue:
        """How the newest ending of a track was received."""
        track = self._track(track_id)
        row = self._tracks.delivery(track)
        if row is None and absence(track) == GONE:
            raise NoSuchWebhook(track_id)
        return self._of_track(track, row)

    def redeliver_ending(self, track_id: str) -> ResponseReturnValue:
        """One more attempt of it: 202."""
        track = self._track(track_id)
        return self._of_track(track, self._webhooks.redeliver_ending(track)), 202

    def events(self) -> ResponseReturnValue:
        """The tenant's events, oldest first, from a cursor on."""
        asked = window(request.args, "msg")
        found = self._webhooks.events(tenant(), asked)
        url = f"{self._base}/v1/webhooks/events"
        return shown(
            "events",
            found,
            lambda row: webhook_views.event(row, self._base),
            url=url,
            asked=asked,
        )

    def event(self, webhook_id: str) -> ResponseReturnValue:
        """One event with all its attempts."""
        return self._detail(self._webhooks.get(tenant(), _webhook(webhook_id)))

    def redeliver(self, webhook_id: str) -> ResponseReturnValue:
        """One more attempt of it: 202."""
        return self._detail(self._webhooks.redeliver(tenant(), _webhook(webhook_id))), 202

    def test(self) -> ResponseReturnValue:
        """Have a signed synthetic event sent, once: 202."""
        asked = validated(Test, read_json(), CURES)
        check_callback(asked.callback_url, self._settings.targets)
        self._secrets.require(tenant())
        row = self._webhooks.test(tenant(), asked.callback_url, asked.type)
        return webhook_views.accepted(row, self._base), 202

    def endpoints(self) -> ResponseReturnValue:
        """The tenant's receivers, oldest first, from a cursor on."""
        asked = window(request.args, "ep")
        found = self._endpoints.list(tenant(), asked)
        url = f"{self._base}/v1/webhooks/endpoints"
        return shown(
            "endpoints",
            found,
            lambda one: webhook_views.endpoint(one, self._base),
            url=url,
            asked=asked,
        )

    def endpoint(self, endpoint_id: str) -> ResponseReturnValue:
        """One receiver."""
        found = self._endpoints.get(tenant(), _endpoint(endpoint_id))
        return webhook_views.endpoint(found, self._base)

    def enable(self, endpoint_id: str) -> ResponseReturnValue:
        """Send webhooks there again."""
        found = self._endpoints.enable(tenant(), _endpoint(endpoint_id))
        return webhook_views.endpoint(found, self._base)

    def _track(self, track_id: str) -> Track:
        track = self._tracks.get(tenant(), checked_id(track_id)).value
        assert track is not None  # noqa: S101 - `get` raises otherwise
        if not track.request.callback_url:
            raise Problem(
                404,
                "no_webhook",
                "This track was submitted without a callback_url.",
                cure="Poll GET /v1/tracks/{id}?wait=30; or submit the next one with callback_url.",
            )
        return track

    def _of_track(self, track: Track, row: Delivery | None) -> WebhookOfTrack:
        known = self._endpoints.of(track.tenant, track.request.callback_url)
        return webhook_views.of_track(track, row, known, self._base)

    def _detail(self, row: Delivery) -> EventDetail:
        known = self._endpoints.of(row.tenant, row.url)
        return webhook_views.event_detail(row, known, self._base)


def _webhook(webhook_id: str) -> str:
    if not _WEBHOOK.fullmatch(webhook_id):
        raise NoSuchWebhook(webhook_id)
    return webhook_id


def _endpoint(endpoint_id: str) -> str:
    if not _ENDPOINT.fullmatch(endpoint_id):
        raise NoSuchEndpoint(endpoint_id)
    return endpoint_id


def _no_such_webhook(_: NoSuchWebhook) -> ResponseReturnValue:
    return _not_found(
        "no_such_webhook",
        "There is no such webhook, or none any more.",
        "GET /v1/webhooks/events lists those there are.",
    )


def _no_such_endpoint(_: NoSuchEndpoint) -> ResponseReturnValue:
    return _not_found(
        "no_such_endpoint",
        "There is no such endpoint.",
        "GET /v1/webhooks/endpoints lists those there are.",
    )


def _not_found(code: str, detail: str, cure: str) -> ResponseReturnValue:
    # Flask answers 500 to whatever an error handler raises.
    return current_app.handle_user_exception(Problem(404, code, detail, cure=cure))
