"""A tenant's tracks as a whole: the list, and what is taken out of it."""

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from services.ingest.edge.cursors import shown
from services.ingest.identity.callers import tenant
from services.ingest.tracks import views
from services.ingest.tracks.asked import NoSuchTrack
from services.ingest.tracks.erasing import Erasing, NotEnded
from services.ingest.tracks.listing import Listing, asked
from services.ingest.tracks.routes import checked_id, no_such_track
from shared.problems import Problem


class LibraryRoutes:
    """The views, with what they need."""

    def __init__(self, listing: Listing, erasing: Erasing, base: str) -> None:
        """*base*: URL that links begin with, without a slash at its end."""
        self._listing = listing
        self._erasing = erasing
        self._base = base

    def blueprint(self) -> Blueprint:
        """Two more routes below ``/v1/tracks``."""
        api = Blueprint("library", __name__, url_prefix="/v1/tracks")
        api.add_url_rule("", view_func=self.list, methods=["GET"])
        api.add_url_rule("/<track_id>", view_func=self.erase, methods=["DELETE"])
        api.register_error_handler(NoSuchTrack, no_such_track)
        return api

    def list(self) -> ResponseReturnValue:
        """The tenant's tracks, newest first, from a cursor on."""
        wanted = asked(request.args)
        return shown(
            "tracks",
            self._listing.page(tenant(), wanted),
            lambda track: views.item(track, self._base),
            url=f"{self._base}/v1/tracks",
            asked=wanted.window,
            filters=wanted.filters,
        )

    def erase(self, track_id: str) -> ResponseReturnValue:
        """Erase an ended track: 204, also when it was erased before."""
        try:
            self._erasing.erase(tenant(), checked_id(track_id))
        except NotEnded as exc:
            raise Problem(
                409,
                "not_ended",
                f"The track is {exc}.",
                cure="Cancel it first, or wait until it has ended.",
            ) from None
        return Response(status=204)
