"""The API as Python: submit, follow, download, and the rest; every answer typed."""

import os
import re
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Final, Self, Unpack

from motif.decoding import decode
from motif.downloads import Source, Tell, save, source_of
from motif.errors import BadAnswer, Misuse, Refused, Unavailable
from motif.following import Follower
from motif.results import ImagePrompt, Model, Options, Track, Usage, WebhookStatus
from motif.transport import Call, Form, Transport

URL_VARIABLE: Final = "MOTIF_URL"
KEY_VARIABLE: Final = "MOTIF_API_KEY"
LOCAL_URL: Final = "http://127.0.0.1:8080"
"""Where ``make run`` serves the API."""
_TIMEOUT: Final = 60.0
_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")


class Client:
    """Speaks with one API as one tenant; thread-safe; a context manager.

    What is refused for now (429, 503) is asked again, as are lost answers where that is safe: all
    but a track's retry, a redelivery and a test of a webhook. A submit carries an
    ``Idempotency-Key`` of its own, so a repeat is the same track. Every method raises
    ``MotifError`` and nothing else, but for ``OSError`` where it writes a file.
    """

    def __init__(
        self, base_url: str | None = None, key: str | None = None, *, timeout: float = _TIMEOUT
    ) -> None:
        """*base_url* and *key* default to ``MOTIF_URL`` (or the local stack) and ``MOTIF_API_KEY``.

        *timeout*: seconds that one call may take, repeats and pauses between them included.

        Raises:
            Misuse: the URL or the key cannot be used.
        """
        url = os.environ.get(URL_VARIABLE) or LOCAL_URL if base_url is None else base_url
        own = os.environ.get(KEY_VARIABLE, "") if key is None else key
        self._transport = Transport(url, own, timeout)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Let go of all connections."""
        self.close()

    def close(self) -> None:
        """Let go of all connections."""
        self._transport.close()

    def prompt(self, image: str | os.PathLike[str] | bytes) -> ImagePrompt:
        """What an image (a path, or a file's bytes) sounds like: PNG, JPEG or WebP, at most 10 MB.

        The same image is the same answer for 24 hours; its ``image_id`` is good for a submit.

        Raises:
            OSError: *image* is a path that cannot be read.
        """
        data = image if isinstance(image, bytes) else Path(image).read_bytes()
        form = Form("image", data)
        call = Call(method="POST", path="/v1/prompts", form=form, repeatable=True)
        return decode(ImagePrompt, self._transport.json(call))

    def submit(
        self,
        prompt: str | None = None,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> Track:
        """Have a track made; the answer has its id, price and estimate, but no sound yet.

        *prompt* may be left out where the options have an ``image_id``.

        *options*: the other fields of the API's ``POST /v1/tracks``. The same *idempotency_key*
        with the same fields is the same track, paid once; default: a new one each time.
        """
        key = str(uuid.uuid4()) if idempotency_key is None else idempotency_key
        if not re.fullmatch(r"[\x21-\x7e]{1,255}", key):
            cure = "Use 1 to 255 visible ASCII characters, such as a UUID."
            raise Misuse("This is no idempotency key.", cure, field="idempotency_key")
        call = Call(
            method="POST",
            path="/v1/tracks",
            body={**({} if prompt is None else {"prompt": prompt}), **options},
            headers={"Idempotency-Key": key},
            repeatable=True,
        )
        try:
            return decode(Track, self._transport.json(call))
        except Unavailable as exc:  # the track may be there
            exc.cure = f"Submit it again with the idempotency key {key}: it is paid once."
            raise

    def get(self, track: Track | str) -> Track:
        """The track as it is now."""
        return decode(Track, self._transport.json(_read(_path(track))))

    def follow(
        self, track: Track | str, *, timeout: float | None = None
    ) -> Generator[Track, None, None]:
        """The track as it is, then each time that it has changed; the last one has ended.

        *timeout*: seconds until ``TimedOut`` is raised; None: as long as it takes. While the API
        is away it is asked again for as long as one call may take.
        """
        follower = Follower(self._transport, self.get(track), timeout)
        with closing(follower.snapshots()) as snapshots:
            yield from snapshots

    def wait(
        self,
        track: Track | str,
        *,
        on_progress: Callable[[Track], object] | None = None,
        timeout: float | None = None,
    ) -> Track:
        """The track once it has ended, in whatever way; see ``Track.completed``.

        *on_progress* is called with each change, as by ``follow``, which *timeout* is for, too.
        """
        with closing(self.follow(track, timeout=timeout)) as snapshots:
            for newest in snapshots:
                found = newest
                if on_progress is not None:
                    on_progress(newest)
        return found

    def download(
        self,
        track: Track | str,
        name: str,
        path: str | os.PathLike[str],
        *,
        on_progress: Tell | None = None,
    ) -> Path:
        """Put a file of *track* at *path*: whole, checked by size and SHA-256, or not at all.

        *name*: a format (``mp3``), or ``waveform``, ``spectrogram``, ``metadata``. A download that
        breaks off goes on where it was. *on_progress* is called with the bytes that are there, and
        those there will be (None: not known).

        Raises:
            TrackFailed: the track has ended without audio.
            Refused: it is not stored yet (``not_completed``).
            OSError: *path* cannot be written.
        """
        source = self._source(track, name)
        save(self._transport, source, Path(path), on_progress or _silent)
        return Path(path)

    def tracks(
        self,
        *,
        status: str | Sequence[str] | None = None,
        style: str | None = None,
        batch: str | None = None,
        page: int = 50,
    ) -> Iterator[Track]:
        """Your tracks, newest first, as many as there are; *page* of them at a time."""
        states = status if isinstance(status, str | None) else ",".join(status)
        given = {"status": states, "style": style, "batch": batch, "limit": str(page)}
        query = {name: value for name, value in given.items() if value is not None}
        while True:
            answer = self._transport.json(_read("/v1/tracks", query))
            rows, after = answer.get("tracks"), answer.get("next")
            if not isinstance(rows, list):
                raise BadAnswer("The answer is no list of tracks.")
            yield from (decode(Track, row) for row in rows)
            if answer.get("has_more") is not True:
                return
            if not isinstance(after, str) or after == query.get("after"):
                raise BadAnswer("The list says that it goes on, but not where.")
            query["after"] = after

    def cancel(self, track: Track | str) -> str:
        """``cancelled``, ``cancelling`` or ``already_finished``; a fourth answer is a 404."""
        call = Call(method="POST", path=f"{_path(track)}/cancel", repeatable=True)
        return str(self._transport.json(call).get("result", ""))

    def retry(self, track: Track | str) -> Track:
        """Queue a failed or expired track again; clips that were paid for are used again."""
        call = Call(method="POST", path=f"{_path(track)}/retry", repeatable=False)
        return decode(Track, self._transport.json(call))

    def delete(self, track: Track | str) -> None:
        """Erase an ended track: its files, texts and URLs. It cannot be taken back."""
        self._transport.json(Call(method="DELETE", path=_path(track), repeatable=True))

    def usage(self, days: int = 30) -> Usage:
        """What was made and billed on each of the last *days*, and what is left today."""
        return decode(Usage, self._transport.json(_read("/v1/usage", {"days": str(days)})))

    def models(self) -> tuple[Model, ...]:
        """What the models can and cost."""
        found = self._transport.json(_read("/v1/models")).get("models")
        if not isinstance(found, list):
            raise BadAnswer("The answer is no list of models.")
        return tuple(decode(Model, one) for one in found)

    def webhook(self, track: Track | str) -> WebhookStatus:
        """How the callback for the track's newest ending was received."""
        return decode(WebhookStatus, self._transport.json(_read(f"{_path(track)}/webhook")))

    def redeliver(self, track: Track | str) -> WebhookStatus:
        """Have it sent once more, at once."""
        path = f"{_path(track)}/webhook/redeliver"
        call = Call(method="POST", path=path, repeatable=False)
        return decode(WebhookStatus, self._transport.json(call))

    def test_webhook(self, callback_url: str, event: str | None = None) -> WebhookStatus:
        """Have a signed test event sent to *callback_url*; *event*: such as ``track.failed``."""
        body = {"callback_url": callback_url} | ({"type": event} if event else {})
        call = Call(method="POST", path="/v1/webhooks/test", body=body, repeatable=False)
        return decode(WebhookStatus, self._transport.json(call))

    def _source(self, track: Track | str, name: str) -> Source:
        known = track if isinstance(track, Track) else self.get(track)
        found = source_of(known, name)
        if found is None and isinstance(track, Track):  # it may have become more since
            known = self.get(track)
            found = source_of(known, name)
        if found is None:
            message = f"There is no {name} of this track yet: it is {known.status}."
            raise Refused("not_completed", message, cure="Wait for it first.", field="format")
        return found


def _path(track: Track | str) -> str:
    track_id = track.request_id if isinstance(track, Track) else track
    if not _ID.fullmatch(track_id):
        raise Misuse("This is no id of a track.", "Give the request_id of a submit.", field="track")
    return f"/v1/tracks/{track_id}"


def _read(path: str, query: dict[str, str] | None = None) -> Call:
    return Call(method="GET", path=path, query=query or {}, repeatable=True)


def _silent(_there: int, _of: int | None) -> None:
    """Nobody wants to know."""
