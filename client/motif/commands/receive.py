"""``listen`` and ``verify``: webhooks, on the side of whoever gets them."""

import argparse
import math
import os
from email.message import Message
from typing import Final

from motif.check import check, read_body, read_headers
from motif.commands.options import Wrong
from motif.listen import listen
from motif.webhooks import TOLERANCE, Webhook

SECRET_VARIABLE: Final = "MOTIF_WEBHOOK_SECRET"  # noqa: S105 - its name, no secret


def add_listen(parser: argparse.ArgumentParser) -> None:
    """``motif listen``."""
    parser.set_defaults(run=_listen)
    parser.add_argument("--port", type=int, default=8099, help="default 8099; 0: any free one")
    parser.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1")
    _add_secret(parser)
    parser.add_argument("--status", type=_status, help="answer this always, such as 500")
    parser.add_argument("--json", action="store_true", help="one JSON object per line on stdout")


def add_verify(parser: argparse.ArgumentParser) -> None:
    """``motif verify``."""
    parser.set_defaults(run=_verify)
    _add_secret(parser)
    parser.add_argument("--headers", metavar="FILE", help="lines Name: value, or a JSON object")
    parser.add_argument("--id", default="", help="webhook-id, if not in a file")
    parser.add_argument("--timestamp", default="", help="webhook-timestamp, the same")
    parser.add_argument("--signature", default="", help="webhook-signature, the same")
    parser.add_argument("--any-age", action="store_true", help="also what is older than 5 minutes")
    parser.add_argument("body", nargs="?", default="-", help="file with the body; default: stdin")


def _add_secret(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--secret",
        action="append",
        default=[],
        metavar="TEXT",
        help=f"whsec_... or whpk_...; may be repeated; default: {SECRET_VARIABLE}",
    )


def _status(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) in range(200, 600)):
        raise argparse.ArgumentTypeError(f"{text!r} is no status from 200 to 599")
    return int(text)


def _listen(options: argparse.Namespace) -> int:
    secrets = _secrets(options)
    webhook = Webhook(secrets) if secrets else None
    listen(options.host, options.port, webhook, status=options.status, as_json=options.json)
    return 0


def _verify(options: argparse.Namespace) -> int:
    secrets = _secrets(options)
    if not secrets:
        raise Wrong(f"there is no secret: give --secret, or set {SECRET_VARIABLE}")
    webhook = Webhook(secrets, tolerance=math.inf if options.any_age else TOLERANCE)
    return check(webhook, _headers(options), read_body(options.body))


def _secrets(options: argparse.Namespace) -> list[str]:
    given: list[str] = options.secret or [os.environ.get(SECRET_VARIABLE, "")]
    return [one for text in given for one in text.split()]


def _headers(options: argparse.Namespace) -> Message:
    single = {
        "webhook-id": options.id,
        "webhook-timestamp": options.timestamp,
        "webhook-signature": options.signature,
    }
    if options.headers and not any(single.values()):
        return read_headers(options.headers)
    if options.headers or not all(single.values()):
        raise Wrong("give either --headers, or all of --id, --timestamp and --signature")
    headers = Message()
    for name, value in single.items():
        headers[name] = value
    return headers
