"""A track while it is made: Server-Sent Events, and the same over a WebSocket."""

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final, Never

from flask import Blueprint, Response, current_app, request
from flask.typing import ResponseReturnValue

from services.ingest.identity.callers import caller, origin_allowed, tenant
from services.ingest.identity.keys import Keys
from services.ingest.live import sockets, sse
from services.ingest.live.streams import Stream, Streams, TooManyStreams, over
from services.ingest.live.topics import Body
from services.ingest.tracks import views
from services.ingest.tracks.asked import NoSuchTrack
from services.ingest.tracks.details import Details
from services.ingest.tracks.routes import checked_id, no_such_track
from services.ingest.tracks.use_cases import Tracks
from shared.errors import RetryableError
from shared.ports import Snapshot
from shared.problems import RETRY_AFTER, Problem
from shared.track import Track

_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class StreamRoutes:
    """The views, with what they need."""

    def __init__(self, tracks: Tracks, streams: Streams, keys: Keys) -> None:
        """*keys* knows when a key is revoked while a stream is open."""
        self._tracks = tracks
        self._streams = streams
        self._keys = keys

    def blueprint(self) -> Blueprint:
        """The routes of streams."""
        api = Blueprint("streams", __name__, url_prefix="/v1/tracks/<track_id>")
        api.add_url_rule("/events", view_func=self.events, methods=["GET"])
        api.add_url_rule("/stream", view_func=self.stream, methods=["GET"])
        # werkzeug leads handshakes only to rules for them, and nothing else there.
        api.add_url_rule("/stream", "socket", self.stream, methods=["GET"], websocket=True)
        api.register_error_handler(NoSuchTrack, no_such_track)
        api.register_error_handler(TooManyStreams, _too_many)
        return api

    def events(self, track_id: str) -> ResponseReturnValue:
        """Server-Sent Events; 204 to a client that knows the ending."""
        seen = self._seen(track_id)
        after = sse.Mark.parse(request.headers.get("Last-Event-ID", ""))
        if over(seen, after):
            return Response(status=204)
        if request.method == "HEAD":
            return Response(mimetype="text/event-stream", headers=_HEADERS)
        stream = self._streams.open(seen, self._admission(), after)
        sock = request.environ.get(sockets.GUNICORN)
        response = Response(_lines(stream, sock), mimetype="text/event-stream", headers=_HEADERS)
        response.call_on_close(stream.close)  # a client may go before the first line is asked for
        return response

    def stream(self, track_id: str) -> ResponseReturnValue:
        """A WebSocket: text messages, each the body of the GET."""
        if not origin_allowed():
            raise Problem(
                403,
                "origin_not_allowed",
                "This page may not open a WebSocket here.",
                field="Origin",
                cure="Ask the operator to name the page's origin in CORS_ORIGINS.",
            )
        seen = self._seen(track_id)
        if not sockets.is_handshake(request.environ):
            raise _no_handshake()
        stream = self._streams.open(seen, self._admission())
        try:
            sockets.serve(request.environ, stream, self._streams.heartbeat)
        except sockets.NoHandshake:
            raise _no_handshake() from None
        except OSError:
            return _Served()
        finally:
            stream.close()
        return _Served()

    def _admission(self) -> Callable[[], bool]:
        """What tells, also after the request has left Flask, whether its key is still good."""
        key_id = caller().key_id

        def admitted() -> bool:
            try:
                return not key_id or self._keys.by_id(key_id) is not None
            except RetryableError:
                return True  # nobody knows better; whoever comes anew is not let in

        return admitted

    def _seen(self, track_id: str) -> Snapshot[Track]:
        return self._tracks.get(tenant(), checked_id(track_id))


class _Served(Response):
    """Everything was said on the socket itself: gunicorn must write nothing, only let go."""

    def __call__(self, *_: Any) -> Never:
        raise StopIteration


class Renderer:
    """Makes a track's JSON; thread-safe."""

    def __init__(self, details: Details) -> None:
        self._details = details

    def __call__(self, track: Track) -> Body:
        """The body of ``GET /v1/tracks/{id}``; an estimate that moves with the clock is no news.

        Raises:
            StoreUnavailable: Firestore does not answer.
        """
        shown = self._details.of(track)
        position = shown["eta"] and shown["eta"]["queue_position"]
        text = json.dumps(shown, separators=(",", ":"))
        return Body(text, f"{views.tag(shown)} {position}")


def _lines(stream: Stream, sock: socket.socket | None) -> Iterator[bytes]:
    try:
        yield sse.retry()
        for event in stream.events():
            if not sockets.takes(sock):
                return
            yield sse.event(event.mark, event.text) if event else sse.HEARTBEAT
        if not stream.ended:
            yield sse.retry()
    finally:
        stream.close()  # before the response ends: then the processor may be stopped


def _too_many(_: TooManyStreams) -> ResponseReturnValue:
    problem = Problem(
        503,
        "too_many_streams",
        "All places for streams are taken.",
        cure="Come again, or ask with GET /v1/tracks/{id}?wait=30.",
        headers={"Retry-After": str(RETRY_AFTER)},
    )
    return current_app.handle_user_exception(problem)


def _no_handshake() -> Problem:
    return Problem(
        426,
        "upgrade_required",
        "This is a WebSocket.",
        cure="Open it as a WebSocket, version 13; GET .../events tells the same without one.",
        headers={"Upgrade": "websocket", "Sec-WebSocket-Version": "13"},
    )
