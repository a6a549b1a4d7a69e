"""Check the preflight, submit four sample prompts in both ways of the API, fetch the audio.

The first way is the contract of the first service, `POST /`, as any HTTP client speaks it; the
second is `POST /v1/tracks` through this package. Both are followed to finished audio, in a folder.
Where the first contract is off (it needs no key, so a cloud may not offer it), that is said, and
the rest goes on.
"""

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from motif import Client, MotifError, Track, TrackFailed

PAGE: Final = "https://studio.example.com"
"""The origin of a web page that would like to submit."""


@dataclass(frozen=True)
class Sample:
    """What to ask for."""

    prompt: str
    style: str
    tempo: str
    seconds: int


SAMPLES: Final = (
    Sample("warm pads drifting over a calm sea at night", "ambient", "slow", 45),
    Sample("an energetic road song with driving drums and guitars", "rock", "fast", 30),
    Sample("a string quartet that opens quietly and ends in triumph", "classical", "moderate", 60),
    Sample("a late night trio with brushed drums and an upright bass", "jazz", "moderate", 90),
)


class Failed(Exception):
    """The API does not do what it promises; the text says what."""


def preflight(http: httpx.Client, path: str) -> None:
    """Ask as a browser does before it lets a page of *PAGE* submit."""
    asked = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    answer = http.options(path, headers=asked)
    allowed = answer.headers.get("Access-Control-Allow-Origin", "nobody")
    methods = answer.headers.get("Access-Control-Allow-Methods", "nothing")
    good = answer.status_code == httpx.codes.NO_CONTENT and "POST" in methods
    if not good or allowed not in ("*", PAGE):
        raise Failed(f"OPTIONS {path}: {answer.status_code}, {allowed} may send {methods}")
    age = answer.headers.get("Access-Control-Max-Age", "0")
    say(f"OPTIONS {path}: {allowed} may send {methods}, good for {age} s")


def submit_first(http: httpx.Client, sample: Sample, seconds: int) -> str | None:
    """Through `POST /`; the track's id, or None where the API does not offer it."""
    body = {
        "prompt": sample.prompt,
        "style": sample.style,
        "tempo": sample.tempo,
        "duration_seconds": seconds,
    }
    answer = http.post("/", json=body)
    if answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED):
        return None
    if answer.status_code != httpx.codes.OK:
        raise Failed(f"POST /: {answer.status_code} {answer.text[:200]}")
    track_id: str = answer.json()["request_id"]
    return track_id


def submit(client: Client, sample: Sample, seconds: int) -> str:
    """Through `POST /v1/tracks`; the track's id."""
    track = client.submit(
        sample.prompt,
        style=sample.style,
        tempo=sample.tempo,
        duration_seconds=seconds,
        formats=["mp3"],
    )
    return track.request_id


def fetch(client: Client, track_id: str, path: str, folder: Path) -> Path:
    """Follow one track to its end and put its audio into *folder*.

    Raises:
        TrackFailed: it ended without.
    """
    track = client.wait(track_id, on_progress=lambda seen: report(path, seen))
    if not track.completed:
        raise TrackFailed(track)
    (audio,) = track.audio
    way = "v1" if path == "/v1/tracks" else "first"
    name = f"{track.parameters['style']}-{way}.{audio.format}"
    return client.download(track, audio.format, folder / name)


def report(path: str, track: Track) -> None:
    """One line for each change."""
    say(f"{path:<10}  {track.request_id}  {track.status:<9}  {track.progress:4.0%}")


def run(options: argparse.Namespace) -> list[Path]:
    """Submit everything first, then follow all of it at once; the files."""
    folder = Path(options.output)
    folder.mkdir(parents=True, exist_ok=True)
    seconds = {one: max(1, round(one.seconds * options.scale)) for one in SAMPLES}
    with Client(options.url) as client, httpx.Client(base_url=options.url, timeout=30) as http:
        for path in ("/", "/v1/tracks"):
            preflight(http, path)
        first = [(submit_first(http, one, seconds[one]), "/") for one in SAMPLES]
        tracks = [(submit(client, one, seconds[one]), "/v1/tracks") for one in SAMPLES]
        followed = [(found, path) for found, path in first if found] + tracks
        if len(followed) < len(first) + len(tracks):
            say("POST /: not offered here")
        with ThreadPoolExecutor(len(followed)) as pool:
            return list(pool.map(lambda one: fetch(client, one[0], one[1], folder), followed))


def say(text: str) -> None:
    """What happens, beside the files that stdout is told of."""
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Read the command line and run; 1: something did not go as it should."""
    summary, _, details = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(description=summary, epilog=details)
    default = os.environ.get("MOTIF_URL", "http://127.0.0.1:8080")
    parser.add_argument("--url", default=default, help="default: MOTIF_URL, or the local stack")
    parser.add_argument("--output", default="samples", help="a folder; default: samples")
    parser.add_argument("--scale", type=float, default=1.0, help="of all lengths; default 1")
    try:
        for file in run(parser.parse_args()):
            print(file)
    except (MotifError, Failed, httpx.HTTPError) as exc:
        say(f"submit.py: {exc}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
