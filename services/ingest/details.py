"""The whole state of a track, as the GET and both streams show it."""

from typing import Any

from services.ingest import views
from services.ingest.tracks import Tracks
from shared.track import Track


class Details:
    """Gathers what a track's document alone does not hold; thread-safe, one per process."""

    def __init__(self, tracks: Tracks, base: str) -> None:
        """*base*: URL that links begin with, without a slash at its end."""
        self._tracks = tracks
        self._base = base

    def of(self, track: Track) -> dict[str, Any]:
        """The body of ``GET /v1/tracks/{id}``.

        Raises:
            StoreUnavailable: Firestore does not answer.
        """
        return views.detail(track, self._tracks.delivery(track), self._base)
