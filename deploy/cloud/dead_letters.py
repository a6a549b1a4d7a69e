"""``python -m deploy.cloud.dead_letters list|replay|drop``: what was given up after ten deliveries.

With ``--project`` the cloud, else the local stack that runs. ``list`` takes nothing away.
``replay`` publishes again: a message is only a wake-up call, so one too many changes nothing. A
track that has failed or expired is started anew by its owner: ``POST /v1/tracks/ID/retry``.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence

import requests

from deploy.cloud import options
from deploy.cloud.letters import GOOGLE, Letter, Letters, Refused
from deploy.cloud.names import TOPICS


def main(arguments: Sequence[str] | None = None) -> None:
    """Do one command over all topics, or one; what can be expected to fail ends with one line."""
    asked = _parser().parse_args(arguments)
    if asked.command != "list" and bool(asked.id) is asked.all:
        sys.exit("Name messages by their ids, or give --all.")
    session, project, topics, base = _place(asked)
    missing, refused = {*asked.id}, 0
    for topic in [asked.topic] if asked.topic else topics:
        try:
            seen, failed = work(asked, topic, Letters(session, project, topic, base))
        except Refused as exc:
            sys.exit(str(exc))
        missing, refused = missing - seen, refused + failed
    if missing or refused:
        lost = f"not found: {', '.join(sorted(missing))}" if missing else ""
        sys.exit(" ".join(filter(None, [f"{refused} refused, still there." * (refused > 0), lost])))


def work(asked: argparse.Namespace, topic: str, letters: Letters) -> tuple[set[str], int]:
    """Print each message and do what was asked; return all ids seen, and how many were refused.

    Raises:
        Refused: the messages cannot be read.
    """
    seen: set[str] = set()
    kept: dict[str, Letter] = {}
    failed = 0
    try:
        for letter in letters.held():
            kept[letter.id] = letter
        for letter in [*kept.values()]:
            seen.add(letter.id)
            chosen = asked.command != "list" and (asked.all or letter.id in asked.id)
            outcome = _done(asked, letter, letters) if chosen else "kept"
            failed += outcome.startswith("refused")
            if outcome in ("sent again", "dropped"):
                del kept[letter.id]
            print(json.dumps({"topic": topic, **letter.described(), "now": outcome}), flush=True)
    finally:  # else nobody would see them for ten minutes, neither here nor in the Console
        letters.let_go([*kept.values()])
    return seen, failed


def _done(asked: argparse.Namespace, letter: Letter, letters: Letters) -> str:
    drop = asked.command == "drop"
    if letter.body is None and not (drop or asked.unreadable):
        return "refused: no service can read it; once that is mended: --unreadable"
    try:
        if drop:
            letters.drop(letter)
            return "dropped"
        letters.send_again(letter)
    except Refused as exc:
        return f"refused: {exc}"
    return "sent again"


def _parser() -> argparse.ArgumentParser:
    parser = options.parser("deploy.cloud.dead_letters", __doc__, required=False)
    parser.add_argument("command", choices=["list", "replay", "drop"])
    parser.add_argument("id", nargs="*", help="of messages, as `list` prints them")
    parser.add_argument("--all", action="store_true", help="instead of ids")
    parser.add_argument("--topic", help=f"one of {', '.join(TOPICS)}; default: all")
    parser.add_argument("--unreadable", action="store_true", help="replay also what is no JSON")
    return parser


def _place(asked: argparse.Namespace) -> tuple[requests.Session, str, Sequence[str], str]:
    """Session, project, topics, and where Pub/Sub is."""
    if asked.project:
        from deploy.cloud.cloud_world import signed_in  # noqa: PLC0415 - loads Google's clients

        return signed_in(), options.cloud(asked).project, TOPICS, GOOGLE
    from deploy.local import background  # noqa: PLC0415 - needs a local stack
    from deploy.local.layout import state_folder  # noqa: PLC0415

    try:
        info = background.running(state_folder(os.environ))
    except background.NotRunning as exc:
        sys.exit(str(exc))
    session = requests.Session()
    session.trust_env = False  # no proxy for our own machine
    topics = [info["topics"][name] for name in ("requests", "events", "progress")]
    return session, info["project"], topics, f"http://{info['pubsub']}"


if __name__ == "__main__":
    main()
