"""The command line: ``motif``."""

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from motif.check import Unreadable
from motif.commands import account, look, make, receive
from motif.commands.options import (
    AWAY,
    BROKEN_PIPE,
    ENVIRONMENT,
    EXIT_CODES,
    FAILED,
    INTERRUPTED,
    REFUSED,
    UNWRITTEN,
    USAGE,
    Wrong,
)
from motif.errors import Misuse, MotifError, Refused, TrackFailed
from motif.listen import PortTaken
from motif.version import __version__
from motif.webhooks import SecretError


class _Command(NamedTuple):
    add: Callable[[argparse.ArgumentParser], None]
    help: str
    more: str = ""


_COMMANDS: Final = {
    "submit": _Command(
        make.add_submit,
        "have a track made",
        "With --wait, or -o FILE, it is followed until it has ended. Stdout gets the track's id;"
        " with --json one object, the last that is known of the track.",
    ),
    "prompt": _Command(
        make.add_prompt,
        "a prompt from an image",
        "What a PNG, JPEG or WebP image sounds like. Its image_id is good for motif submit"
        " --image-id, for 24 hours.",
    ),
    "status": _Command(look.add_status, "how a track comes along"),
    "list": _Command(look.add_list, "your tracks, newest first"),
    "cancel": _Command(look.add_cancel, "cancel tracks"),
    "retry": _Command(make.add_retry, "queue a failed or expired track again"),
    "download": _Command(make.add_download, "fetch the files of a track"),
    "delete": _Command(look.add_delete, "erase ended tracks for good"),
    "usage": _Command(account.add_usage, "what was made and billed, day by day"),
    "models": _Command(account.add_models, "what the models can and cost"),
    "webhook": _Command(account.add_webhook, "status, redeliver, test"),
    "listen": _Command(
        receive.add_listen,
        "print webhooks",
        "Each webhook that arrives: time, whether it is verified, type, status, track and"
        " webhook-id; the same id once more is marked as a repeat. Answers 204, or 400 where the"
        " signature is not good.",
    ),
    "verify": _Command(
        receive.add_verify,
        "check one webhook",
        "One that was written down: its body byte for byte, and its three headers.",
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit codes are those that ``motif --help`` tells."""
    for stream in (sys.stdout, sys.stderr):  # a prompt may hold what a terminal cannot show
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(argv)
    try:
        code = int(options.run(options))
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:  # whoever read our lines has gone, and so do we, without more words
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = BROKEN_PIPE
    except MotifError as exc:
        code = _code(exc)
        _explain(options, exc)
    except (Wrong, SecretError, Unreadable, PortTaken, OSError) as exc:
        code = _local(exc)
        _complain(options, str(exc))
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="motif",
        description="Text in, finished music out.",
        epilog=f"{EXIT_CODES}\n{ENVIRONMENT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"motif {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in _COMMANDS.items():
        text = f"{command.help.capitalize()}. {command.more}"
        command.add(commands.add_parser(name, help=command.help, description=text))
    return parser


def _code(exc: MotifError) -> int:
    match exc:
        case Misuse():
            return USAGE
        case Refused():
            return REFUSED
        case TrackFailed():
            return FAILED
    return AWAY


def _local(exc: Exception) -> int:
    match exc:
        case PortTaken():
            return FAILED
        case OSError():
            return UNWRITTEN
    return USAGE


def _explain(options: argparse.Namespace, exc: MotifError) -> None:
    if getattr(options, "json", False):
        print(json.dumps({"error": exc.as_dict()}), file=sys.stderr)
        return
    where = f"{exc.field}: " if exc.field and not exc.message.startswith(exc.field) else ""
    facts = (exc.code, f"HTTP {exc.status}" if exc.status else "", exc.request_id)
    _complain(options, f"{where}{exc.message} ({', '.join(filter(None, facts))})")
    if exc.cure:
        print(f"  {exc.cure}", file=sys.stderr)


def _complain(options: argparse.Namespace, text: str) -> None:
    print(f"motif {options.command}: {text}", file=sys.stderr)
