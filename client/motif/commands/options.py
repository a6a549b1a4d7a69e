"""What several commands are asked with."""

import argparse
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import motif
from motif.results import FORMATS

if TYPE_CHECKING:
    from motif.client import Client

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
REFUSED: Final = 3
AWAY: Final = 4
UNWRITTEN: Final = 5
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141
EXIT_CODES: Final = """\
exit codes:
  0    done
  1    the track ended without audio; or the webhook is not verified
  2    wrongly asked; nothing was sent
  3    the API refused
  4    the API is away, speaks nonsense, or the time ran out
  5    a file could not be written
  130  Ctrl-C
"""
ENVIRONMENT: Final = """\
environment:
  MOTIF_URL      where the API is; default http://127.0.0.1:8080
  MOTIF_API_KEY  your key (mk_...)
"""
STDOUT: Final = "-"
_ENDINGS: Final = {**{name: name for name in FORMATS}, "opus": "ogg", "oga": "ogg"}
_CALL_SECONDS: Final = 60.0


class Wrong(Exception):
    """What was asked cannot be done; the text says what to change."""


def connect(options: argparse.Namespace) -> "Client":
    """A client for this command."""
    seconds = _CALL_SECONDS if options.timeout is None else options.timeout
    return motif.Client(options.url, timeout=seconds)


def add_api(parser: argparse.ArgumentParser) -> None:
    """What every command takes that asks the API."""
    parser.add_argument("--url", help="where the API is; default: MOTIF_URL")
    parser.add_argument(
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        help="give up then; default: 60 for each call, and never for a track to end",
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON object per line on stdout, for scripts"
    )


def add_track(parser: argparse.ArgumentParser, *, many: bool = False) -> None:
    """The id of one track, or of several."""
    if many:
        parser.add_argument("ids", metavar="ID", nargs="+", help="request_id of a submit")
    else:
        parser.add_argument("id", metavar="ID", help="request_id of a submit")


def add_ending(parser: argparse.ArgumentParser) -> None:
    """Whether to wait for the ending, and where the audio goes."""
    parser.add_argument("--wait", action="store_true", help="follow the track until it has ended")
    parser.add_argument(
        *("-o", "--output"),
        action="append",
        default=[],
        metavar="FILE",
        help="wait, and put the audio there, in the format of the file's ending; -: stdout;"
        " may be repeated",
    )
    parser.add_argument(
        "--format",
        action="append",
        default=[],
        choices=FORMATS,
        dest="formats",
        help="wav, flac, mp3, ogg or m4a; may be repeated; default: as the files end, or wav",
    )


def outputs(options: argparse.Namespace) -> dict[str, str]:
    """Where to put which format: file (or ``-``) -> format.

    Raises:
        Wrong: a file cannot be written, or does not say its format.
    """
    if STDOUT in options.output and options.json:
        raise Wrong("-o - and --json both want stdout: name a file")
    if STDOUT in options.output and sys.stdout.isatty():
        raise Wrong("-o - is for a pipe: a terminal cannot show audio")
    return {name: _format(name, options.formats) for name in options.output}


def _format(name: str, formats: list[str]) -> str:
    if name == STDOUT:
        return formats[0] if formats else "wav"
    path = Path(name)
    ending = path.suffix.lower().removeprefix(".")
    found = _ENDINGS.get(ending) or (formats[0] if len(formats) == 1 else None)
    if found is None:
        raise Wrong(f"{name} does not end with .{', .'.join(FORMATS)}: say --format, or rename it")
    # Looked at first: nobody should pay for a track that cannot be put down.
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise Wrong(f"{name} cannot be written: it is a folder, or its folder is not there for us")
    return found


def seconds(text: str) -> float:
    """A number of seconds above 0."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return found


def number(text: str) -> float:
    """A number that JSON knows."""
    found = float(text)
    if not math.isfinite(found):
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return int(found) if found.is_integer() else found


def pair(text: str) -> tuple[str, str]:
    """``NAME=VALUE``."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value
