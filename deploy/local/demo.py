"""Six tracks, one for each style, made by a running stack."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from deploy.local.api import Api
from deploy.local.terminal import Progress, audio_line

PROMPTS: Final[Mapping[str, tuple[str, str]]] = {
    "instrumental": ("A small ensemble tells a story by the fire", "moderate"),
    "ambient": ("Slow light under deep water, wide and calm", "slow"),
    "classical": ("A string quartet answers a question with a dance", "moderate"),
    "rock": ("Open road, driving drums, bright guitars", "fast"),
    "electronic": ("Night train through a neon city, pulsing bass", "fast"),
    "jazz": ("Late evening trio, brushed drums, walking bass", "slow"),
}
"""Style -> prompt and tempo."""
_SECONDS: Final = 600


def make_demo(info: Mapping[str, Any], folder: Path) -> None:
    """Have the stack of *info* make the tracks, and put them into *folder*. Raises TrackNotMade."""
    progress = Progress()
    with Api(info["api"], info.get("api_key", "")) as api:
        urls = {
            style: api.submit({"prompt": prompt, "style": style, "tempo": tempo})
            for style, (prompt, tempo) in PROMPTS.items()
        }
        for done, (style, url) in enumerate(urls.items()):
            progress.show(done / len(urls), style)
            track = api.finished(url, _SECONDS, lambda _: None)
            audio = track["audio"][0]
            path = folder / f"demo-{style}.{audio['format']}"
            api.save(audio, path)
            progress.end()
            print(audio_line(path, audio), flush=True)
