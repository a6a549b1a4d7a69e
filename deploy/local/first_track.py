"""The first track: through the public API, to its signed webhook and its audio."""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from deploy.local.api import Api
from deploy.local.terminal import Progress, audio_line
from deploy.local.webhook import received

REQUEST: Final[Mapping[str, Any]] = {
    "prompt": "Sunrise over a quiet harbour: warm strings, soft piano, hopeful",
    "style": "ambient",
    "tempo": "slow",
    "duration_seconds": 30,
}
_TRACK_SECONDS: Final = 300
_WEBHOOK_SECONDS: Final = 60


def make_first_track(info: Mapping[str, Any], folder: Path) -> None:
    """Have the stack of *info* make a track, and put it into *folder*.

    Raises:
        TrackNotMade: the API refused something, or the track failed.
        NoWebhook: its ending was not announced, or not with a good signature.
    """
    callback = f"/tracks/{uuid.uuid4().hex}"
    progress = Progress()
    with Api(info["api"], info.get("api_key", "")) as api:
        print(f"First track: {REQUEST['prompt']}", flush=True)
        url = api.submit({**REQUEST, "callback_url": info["webhook_sink"] + callback})
        try:
            track = api.finished(url, _TRACK_SECONDS, lambda seen: _show(progress, seen))
        finally:
            progress.end()
        secret = info["webhook_secret"]
        event = received(info["webhook_sink"], callback, secret, _WEBHOOK_SECONDS)
        print(f"Webhook: {event['type']}, its signature is good")
        audio = track["audio"][0]
        path = folder / f"first-track.{audio['format']}"
        api.save(audio, path)
    print(f"Audio: {audio_line(path, audio)}", flush=True)


def _show(progress: Progress, track: Mapping[str, Any]) -> None:
    progress.show(track["progress"], track["stage"] or track["status"])
