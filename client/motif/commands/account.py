"""``usage``, ``models`` and ``webhook``: what surrounds the tracks."""

import argparse

from motif.commands import options as opts
from motif.commands import screen
from motif.results import WebhookStatus
from motif.text import plain


def add_usage(parser: argparse.ArgumentParser) -> None:
    """``motif usage``."""
    parser.set_defaults(run=_usage)
    parser.add_argument("--days", type=int, default=7, help="default 7")
    opts.add_api(parser)


def add_models(parser: argparse.ArgumentParser) -> None:
    """``motif models``."""
    parser.set_defaults(run=_models)
    opts.add_api(parser)


def add_webhook(parser: argparse.ArgumentParser) -> None:
    """``motif webhook``, with commands of its own."""
    commands = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, run, text in (
        ("status", _webhook, "how the callback of a track was received"),
        ("redeliver", _redeliver, "send it once more"),
    ):
        action = commands.add_parser(name, help=text, description=text)
        action.set_defaults(run=run)
        opts.add_track(action)
        opts.add_api(action)
    test = commands.add_parser("test", help="send a signed test event to a URL")
    test.set_defaults(run=_test)
    test.add_argument("callback_url", metavar="URL", help="your receiver")
    test.add_argument("--type", help="such as track.completed; default: webhook.test")
    opts.add_api(test)


def _usage(options: argparse.Namespace) -> int:
    with opts.connect(options) as client:
        usage = client.usage(options.days)
    if options.json:
        screen.put_json(usage.raw)
        return opts.DONE
    head = ("day", "tracks", "billed", "reserved", "cap", "left")
    screen.table(
        head,
        [
            (
                *(day.date, day.tracks, f"{day.billed_usd:.2f}", f"{day.reserved_usd:.2f}"),
                *("none" if usd is None else f"{usd:.2f}" for usd in (day.cap_usd, day.left_usd)),
            )
            for day in usage.days
        ],
    )
    return opts.DONE


def _models(options: argparse.Namespace) -> int:
    with opts.connect(options) as client:
        models = client.models()
    for model in models:
        if options.json:
            screen.put_json(model.raw)
            continue
        price = "?" if model.price_usd_per_clip is None else f"{model.price_usd_per_clip:.2f}"
        screen.put(f"{model.id}{' (default)' if model.default else ''}")
        screen.put(f"  price   {price} US dollars for each clip of {model.clip_seconds} s")
        screen.put(f"  styles  {plain(', '.join(model.styles), 500)}")
        screen.put(f"  formats {plain(', '.join(model.formats), 500)}")
    return opts.DONE


def _webhook(options: argparse.Namespace) -> int:
    with opts.connect(options) as client:
        return _received(client.webhook(options.id), options)


def _redeliver(options: argparse.Namespace) -> int:
    with opts.connect(options) as client:
        return _received(client.redeliver(options.id), options)


def _test(options: argparse.Namespace) -> int:
    with opts.connect(options) as client:
        return _received(client.test_webhook(options.callback_url, options.type), options)


def _received(found: WebhookStatus, options: argparse.Namespace) -> int:
    if options.json:
        screen.put_json(found.raw)
        return opts.DONE
    screen.put("  ".join(filter(None, (found.state, found.type, found.webhook_id))))
    for one in found.attempts:
        answer = one.status or one.code or "under way"
        screen.put(f"  {one.number}  {one.started_at or ''}  {answer}")
    return opts.DONE
