"""``status``, ``list``, ``cancel``, ``delete``: tracks that are there already."""

import argparse
import sys
from itertools import islice

from motif.commands import make, screen
from motif.commands import options as opts
from motif.results import Track
from motif.text import plain

_PROMPT_WIDTH = 40


def add_status(parser: argparse.ArgumentParser) -> None:
    """``motif status``."""
    parser.set_defaults(run=_status, output=[])
    opts.add_track(parser)
    parser.add_argument("--wait", action="store_true", help="follow it; 1 if there is no audio")
    opts.add_api(parser)


def add_list(parser: argparse.ArgumentParser) -> None:
    """``motif list``."""
    parser.set_defaults(run=_list)
    parser.add_argument("--status", help="such as completed, or several with commas")
    parser.add_argument("--style", help="such as jazz")
    parser.add_argument("--batch", help="id of a batch")
    parser.add_argument("--limit", type=_count, default=20, help="default 20; 0: all there are")
    opts.add_api(parser)


def add_cancel(parser: argparse.ArgumentParser) -> None:
    """``motif cancel``."""
    parser.set_defaults(run=_cancel)
    opts.add_track(parser, many=True)
    opts.add_api(parser)


def add_delete(parser: argparse.ArgumentParser) -> None:
    """``motif delete``."""
    parser.set_defaults(run=_delete)
    opts.add_track(parser, many=True)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    opts.add_api(parser)


def _status(options: argparse.Namespace) -> int:
    with opts.connect(options) as client:
        track = client.get(options.id)
        if options.wait:
            return make.finish(client, track, options, {})
    if options.json:
        screen.put_json(track.raw)
    else:
        _describe(track)
    return opts.DONE


def _describe(track: Track) -> None:
    asked, sound, cost = track.parameters, track.sound, track.cost
    screen.put(f"{track.request_id}  {screen.state(track)}")
    words = [asked.get("style"), f"{asked.get('duration_seconds')} s", track.model]
    lines: list[tuple[str, object]] = [
        ("prompt", asked.get("prompt", "")),
        ("asked", ", ".join(str(word) for word in words if word)),
    ]
    lines += [(file.format, f"{screen.size(file.size_bytes)}  {file.href}") for file in track.audio]
    if sound is not None:
        heard = (f"{sound.loudness_lufs} LUFS", f"{sound.true_peak_dbtp} dBTP")
        rhythm = (f"{sound.tempo.bpm:.0f} bpm",) if sound.tempo else ()
        lines.append(
            ("sound", ", ".join((*heard, *rhythm, *((sound.key.name,) if sound.key else ()))))
        )
    if cost is not None:
        lines.append(("cost", f"{cost.billed_usd:.2f} of {cost.quote_usd:.2f} US dollars"))
    if track.error is not None:
        lines.append(("cure", track.error.cure))
    for name, text in lines:
        screen.put(f"  {name:<7} {plain(text, 500)}")


def _list(options: argparse.Namespace) -> int:
    with opts.connect(options) as client:
        page = min(options.limit or 100, 100)
        found = client.tracks(
            status=options.status, style=options.style, batch=options.batch, page=page
        )
        rows = islice(found, options.limit or None)
        if options.json:
            for track in rows:
                screen.put_json(track.raw)
        else:
            _tabulate(list(rows))
    return opts.DONE


def _tabulate(tracks: list[Track]) -> None:
    if not tracks:
        screen.say("No tracks.")
        return
    head = ("id", "status", "done", "style", "seconds", "created", "prompt")
    screen.table(head, [_row(track) for track in tracks])


def _row(track: Track) -> tuple[object, ...]:
    created = track.timings.created_at
    return (
        track.request_id,
        track.status,
        f"{track.progress:.0%}",
        track.parameters.get("style", ""),
        track.parameters.get("duration_seconds", ""),
        created.astimezone().strftime("%Y-%m-%d %H:%M") if created else "",
        str(track.parameters.get("prompt", ""))[:_PROMPT_WIDTH],
    )


def _cancel(options: argparse.Namespace) -> int:
    with opts.connect(options) as client:
        for track_id in options.ids:
            result = client.cancel(track_id)
            if options.json:
                screen.put_json({"request_id": track_id, "result": result})
            else:
                screen.put(f"{track_id}  {plain(result)}")
    return opts.DONE


def _delete(options: argparse.Namespace) -> int:
    if not options.yes and not _sure(len(options.ids)):
        raise opts.Wrong("nothing was deleted: answer y, or give --yes")
    with opts.connect(options) as client:
        for track_id in options.ids:
            client.delete(track_id)
            if options.json:
                screen.put_json({"request_id": track_id, "result": "deleted"})
            else:
                screen.put(f"{track_id}  deleted")
    return opts.DONE


def _sure(count: int) -> bool:
    if not sys.stdin.isatty():
        return False
    print(
        f"Erase {count} track(s), their audio and texts, for good? [y/N] ", end="", file=sys.stderr
    )
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of tracks")
    return int(text)
