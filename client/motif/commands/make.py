"""``prompt``, ``submit``, ``retry`` and ``download``: from an image or a prompt to files."""

import argparse
import shlex
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motif.commands import options as opts
from motif.commands import screen
from motif.errors import MotifError
from motif.results import SIDES, Track
from motif.text import plain

if TYPE_CHECKING:
    from motif.client import Client

_FIELDS = (
    ("image-id", str, "ID", "of motif prompt: prompt, style and tempo, where not given"),
    ("style", str, "NAME", "instrumental, ambient, classical, rock, electronic or jazz"),
    ("tempo", str, "TEMPO", "slow, moderate, fast, or beats per minute"),
    ("duration", opts.number, "SECONDS", "1 to 300; default 30"),
    ("negative-prompt", str, "TEXT", "what to leave out"),
    ("seed", int, "N", "the same request with the same seed gives the same samples"),
    ("bit-depth", int, "BITS", "16 or 24, of wav and flac"),
    ("loudness", str, "LUFS", "-30 to -8, default -14; none: untouched"),
    ("callback-url", str, "URL", "https URL that is told of the ending"),
    ("priority", str, "NAME", "interactive or batch"),
    ("expires-in", int, "SECONDS", "after which no more money is spent on it"),
    ("max-cost", opts.number, "USD", "refuse it if its price in US dollars is higher"),
    ("model", str, "ID", "the model's id"),
)
_NAMES = {
    "duration": "duration_seconds",
    "loudness": "loudness_lufs",
    "expires_in": "expires_in_seconds",
    "max_cost": "max_cost_usd",
}


def add_submit(parser: argparse.ArgumentParser) -> None:
    """``motif submit``."""
    parser.set_defaults(run=_submit)
    parser.add_argument("prompt", nargs="?", help="what it should sound like; -: read from stdin")
    for name, kind, unit, text in _FIELDS:
        parser.add_argument(f"--{name}", type=kind, metavar=unit, help=text)
    parser.add_argument("--loop", action="store_true", help="the end runs into the start")
    parser.add_argument(
        "--callback-event", action="append", metavar="TYPE", help="such as track.completed"
    )
    parser.add_argument(
        "--metadata", action="append", type=opts.pair, metavar="NAME=VALUE", help="comes back"
    )
    parser.add_argument(
        "--idempotency-key", metavar="KEY", help="the same key again is the same track, paid once"
    )
    opts.add_ending(parser)
    opts.add_api(parser)


def add_prompt(parser: argparse.ArgumentParser) -> None:
    """``motif prompt``."""
    parser.set_defaults(run=_prompt)
    parser.add_argument("image", metavar="IMAGE", help="a PNG, JPEG or WebP file")
    opts.add_api(parser)


def add_retry(parser: argparse.ArgumentParser) -> None:
    """``motif retry``."""
    parser.set_defaults(run=_retry)
    opts.add_track(parser)
    opts.add_ending(parser)
    opts.add_api(parser)


def add_download(parser: argparse.ArgumentParser) -> None:
    """``motif download``."""
    parser.set_defaults(run=_download)
    opts.add_track(parser)
    opts.add_ending(parser)
    parser.add_argument(
        "--side", choices=SIDES, help="this instead of audio, as motif-ID-SIDE in this folder"
    )
    opts.add_api(parser)


def _prompt(options: argparse.Namespace) -> int:
    try:
        data = Path(options.image).read_bytes()
    except OSError as exc:
        raise opts.Wrong(f"{options.image} cannot be read: {exc.strerror}") from None
    with opts.connect(options) as client:
        found = client.prompt(data)
    if options.json:
        screen.put_json(found.raw)
        return opts.DONE
    screen.put(plain(found.prompt, 600))
    rows = [("style", found.style), ("tempo", found.tempo), ("mood", found.mood)]
    for name, text in (*rows, ("palette", ", ".join(found.palette)), ("image", found.image_id)):
        screen.put(f"  {name:<7} {plain(text, 200)}")
    return opts.DONE


def _submit(options: argparse.Namespace) -> int:
    places = opts.outputs(options)
    if options.prompt is None and not options.image_id:
        raise opts.Wrong("give a prompt, or --image-id")
    fields = fields_of(options, places.values())
    prompt = " ".join(sys.stdin.read().split()) if options.prompt == "-" else options.prompt
    key = options.idempotency_key or str(uuid.uuid4())
    with opts.connect(options) as client:
        try:
            track = client.submit(prompt, idempotency_key=key, **fields)
        except KeyboardInterrupt:
            screen.say(f"It may have been submitted: with --idempotency-key {key} it is paid once.")
            raise
        return finish(client, track, options, places)


def _retry(options: argparse.Namespace) -> int:
    places = opts.outputs(options)
    with opts.connect(options) as client:
        return finish(client, client.retry(options.id), options, places)


def _download(options: argparse.Namespace) -> int:
    places = opts.outputs(options)
    with opts.connect(options) as client:
        track = client.get(options.id)
        if options.side:
            name = f"motif-{track.request_id}-{options.side}.{SIDES[options.side]}"
            client.download(track, options.side, name)
            screen.say(f"saved {name}")
            return opts.DONE
        if not places:
            made = track.parameters.get("formats") or ["wav"]
            places = {f"motif-{track.request_id}.{name}": name for name in options.formats or made}
        if options.wait:
            return finish(client, track, options, places)
        with screen.progress(as_json=options.json) as shown:
            _save(client, track, places, shown)
        _put(track, options)
        return opts.DONE


def fields_of(options: argparse.Namespace, formats: Iterable[str]) -> Any:
    """The optional fields of a submit, as they were given."""
    names = [name.replace("-", "_") for name, *_ in _FIELDS]
    given = {_NAMES.get(name, name): getattr(options, name) for name in names}
    given |= {
        "loop": options.loop or None,
        "callback_events": options.callback_event,
        "metadata": dict(options.metadata) if options.metadata else None,
        "formats": list(dict.fromkeys([*options.formats, *formats])) or None,
    }
    fields = {name: value for name, value in given.items() if value is not None}
    if fields.get("tempo", "").isdecimal():
        fields["tempo"] = int(fields["tempo"])
    if "loudness_lufs" in fields:
        fields["loudness_lufs"] = _loudness(fields["loudness_lufs"])
    return fields


def _loudness(text: str) -> float | None:
    try:
        return None if text == "none" else opts.number(text)
    except (ValueError, argparse.ArgumentTypeError):
        raise opts.Wrong(f"--loudness {text!r} is neither a number nor none") from None


def finish(
    client: "Client", track: Track, options: argparse.Namespace, places: dict[str, str]
) -> int:
    """Follow the track and fetch its files, if that was asked for; the exit code."""
    if not (options.wait or places):
        _put(track, options)
        return opts.DONE
    newest = track

    def seen(found: Track) -> None:
        nonlocal newest
        newest = found
        shown.show(found)

    try:
        with screen.progress(as_json=options.json) as shown:
            newest = client.wait(track, on_progress=seen, timeout=options.timeout)
            if newest.completed:
                _save(client, newest, places, shown)
    except (MotifError, KeyboardInterrupt, OSError):
        screen.say(f"Track {track.request_id}: follow on with\n  {_follow_on(track, places)}")
        raise
    finally:
        _put(newest, options)
    if newest.error is not None:
        screen.say(f"motif {options.command}: {newest.error.message} {newest.error.cure}")
    return opts.DONE if newest.completed else opts.FAILED


def _save(client: "Client", track: Track, places: dict[str, str], shown: screen.Progress) -> None:
    for place, name in places.items():
        shown.note(f"fetching {name}")
        if place == opts.STDOUT:
            _pour(client, track, name)
        else:
            tell = partial(_tell, shown, place) if isinstance(shown, screen.Bar) else None
            client.download(track, name, place, on_progress=tell)
            shown.note(f"saved {place}")


def _tell(shown: screen.Progress, place: str, there: int, of: int | None) -> None:
    shown.note(f"{place}  {screen.size(there)} of {screen.size(of) or 'some'}")


def _pour(client: "Client", track: Track, name: str) -> None:
    """To stdout, once it is whole and checked: who reads on must not get half a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = client.download(track, name, Path(folder) / name)
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _put(track: Track, options: argparse.Namespace) -> None:
    if options.json:
        screen.put_json(track.raw)
    elif opts.STDOUT not in options.output:
        screen.put(track.request_id)


def _follow_on(track: Track, places: dict[str, str]) -> str:
    if not places:
        return f"motif status {track.request_id} --wait"
    files = " ".join(f"-o {shlex.quote(place)}" for place in places)
    return f"motif download {track.request_id} --wait {files}"
