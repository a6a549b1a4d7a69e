"""The few calls of the public API that the runner makes, as any client would make them."""

import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

import requests

_SECONDS: Final = 30
_POLL_SECONDS: Final = 0.25
_OPEN: Final = frozenset({"queued", "running"})
_PIECE: Final = 1 << 18


class TrackNotMade(RuntimeError):
    """A request was refused, or a track did not end as completed; the text says why."""


class Api:
    """One client of the API at *base*; a context manager."""

    def __init__(self, base: str, key: str = "") -> None:
        """*base* has no trailing slash; *key*: where the API asks for one."""
        self._base = base
        self._session = requests.Session()
        if key:  # requests does not take it along to the bucket
            self._session.headers["Authorization"] = f"Bearer {key}"
        self._session.trust_env = False  # no proxy for our own machine

    def __enter__(self) -> Self:
        """Ready to use."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._session.close()

    def submit(self, request: dict[str, Any]) -> str:
        """``POST /v1/tracks``; return the track's URL. Raises TrackNotMade."""
        answer = self._session.post(
            f"{self._base}/v1/tracks",
            json=request,
            headers={"Idempotency-Key": str(uuid.uuid4())},
            timeout=_SECONDS,
        )
        url: str = _json(answer)["links"]["self"]
        return url

    def get(self, url: str) -> dict[str, Any]:
        """The track as it is now. Raises TrackNotMade."""
        return _json(self._session.get(url, timeout=_SECONDS))

    def finished(
        self, url: str, seconds: float, show: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        """Wait until the track is completed, telling *show* each state; return the last.

        Raises:
            TrackNotMade: it ended otherwise, or not within *seconds*.
        """
        end = time.monotonic() + seconds
        while (track := self.get(url))["status"] in _OPEN:
            show(track)
            if time.monotonic() > end:
                raise TrackNotMade(f"{url} is still {track['status']} after {seconds:.0f} s")
            time.sleep(_POLL_SECONDS)
        show(track)
        if track["status"] != "completed":
            error = track["error"] or {}
            raise TrackNotMade(f"{url}: {error.get('message') or track['status']}")
        return track

    def save(self, audio: dict[str, Any], path: Path) -> None:
        """Download through the signed URL that *audio*'s link leads to. Raises TrackNotMade."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with (
            self._session.get(audio["href"], stream=True, timeout=_SECONDS) as answer,
            part.open("wb") as file,
        ):
            _checked(answer)
            for piece in answer.iter_content(_PIECE):
                file.write(piece)
        if part.stat().st_size != audio["size_bytes"]:
            raise TrackNotMade(f"{audio['href']}: {part.stat().st_size} bytes came")
        part.replace(path)


def _json(answer: requests.Response) -> dict[str, Any]:
    found: dict[str, Any] = _checked(answer).json()
    return found


def _checked(answer: requests.Response) -> requests.Response:
    if not answer.ok:
        path = answer.request.path_url.partition("?")[0]  # what follows may be a signature
        raise TrackNotMade(f"{path} answers {answer.status_code}: {answer.text[:500]}")
    return answer
