"""The whole state of a track, as the GET and both streams show it."""

from services.ingest.tracks import views
from services.ingest.tracks.answers import TrackDetail
from services.ingest.tracks.promises import Promises
from services.ingest.tracks.use_cases import Tracks
from shared.track import Track


class Details:
    """Gathers what a track's document alone does not hold; thread-safe, one per process."""

    def __init__(self, tracks: Tracks, promises: Promises, base: str) -> None:
        """*base*: URL that links begin with, without a slash at its end."""
        self._tracks = tracks
        self._promises = promises
        self._base = base

    def of(self, track: Track) -> TrackDetail:
        """The body of ``GET /v1/tracks/{id}``.

        Raises:
            StoreUnavailable: Firestore does not answer.
        """
        eta = self._promises.of(track)
        expected = views.expected(eta.position, eta.p50, eta.p90) if eta else None
        return views.detail(track, self._tracks.delivery(track), self._base, expected)
