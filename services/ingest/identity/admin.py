"""Who may use Motif, and how much of it: ``keys|tenants ...`` on the command line.

Works on the Firestore that the services use (GCP_PROJECT, FIRESTORE_DATABASE, or ``--project``),
with the operator's own credentials. What it changes holds everywhere within half a minute.
"""

import argparse
import json
import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, fields
from typing import Any, Final, NoReturn

from services.ingest.identity.keys import ENVIRONMENT, KEY_ID, new_key
from services.ingest.identity.registry import Registry
from shared.errors import StoreUnavailable
from shared.gcp.firestore import FirestoreStore
from shared.tenants import MAX_LIVE, TENANT, ApiKey, Limits, NoSuchKey, Tenant, TooManyKeys

_NAMES: Final = tuple(field.name for field in fields(Limits))


def main(arguments: Sequence[str] | None = None) -> None:
    """Do one command; what can be expected to fail ends with one line."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if not asked.project:
        parser.error("no project: give --project, or set GCP_PROJECT")
    store = FirestoreStore(asked.project, asked.database)
    with closing(store):
        try:
            asked.do(Registry(store), asked)
        except TooManyKeys:
            _end(
                f"{asked.tenant} has {MAX_LIVE} live keys already; revoke one first:"
                " keys list, keys revoke ID"
            )
        except NoSuchKey:
            _end("there is no such key: keys list")
        except StoreUnavailable as exc:
            _end(f"{exc}: look at the list before you try again")


def _create(registry: Registry, asked: argparse.Namespace) -> None:
    new = new_key(asked.env)
    tenant = registry.add_key(asked.tenant, new, _limits(asked))
    sys.stderr.write(f"Key {new.key_id} of {tenant.tenant}; it is shown this once:\n")
    sys.stdout.write(f"{new.text}\n")


def _list(registry: Registry, asked: argparse.Namespace) -> None:
    for tenant in registry.all():
        if asked.tenant in (None, tenant.tenant):
            _print(*(_shown(tenant, key) for key in tenant.keys))


def _revoke(registry: Registry, asked: argparse.Namespace) -> None:
    tenant = registry.revoke(asked.id)
    _print(*(_shown(tenant, key) for key in tenant.keys if key.key_id == asked.id))


def _set(registry: Registry, asked: argparse.Namespace) -> None:
    _print(_tenant(registry.limit(asked.tenant, _limits(asked))))


def _tenants(registry: Registry, _: argparse.Namespace) -> None:
    _print(*(_tenant(tenant) for tenant in registry.all()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.ingest.identity.admin", description=__doc__
    )
    env = os.environ
    parser.add_argument("--project", default=env.get("GCP_PROJECT"))
    parser.add_argument("--database", default=env.get("FIRESTORE_DATABASE") or "(default)")
    things = parser.add_subparsers(required=True, metavar="keys|tenants")
    keys = things.add_parser("keys").add_subparsers(required=True, metavar="create|list|revoke")
    create = _command(keys, "create", _create, "a new key; it is printed once")
    create.add_argument("--tenant", required=True, type=_matching(TENANT))
    create.add_argument("--env", default="live", type=_matching(ENVIRONMENT))
    _limit_options(create)
    listing = _command(keys, "list", _list, "all keys, a JSON object each; never a secret")
    listing.add_argument("--tenant", type=_matching(TENANT))
    _command(keys, "revoke", _revoke, "let a key open nothing").add_argument(
        "id", type=_matching(KEY_ID)
    )
    tenants = things.add_parser("tenants").add_subparsers(required=True, metavar="set|list")
    change = _command(tenants, "set", _set, "limits of a tenant")
    change.add_argument("tenant", type=_matching(TENANT))
    _limit_options(change)
    _command(tenants, "list", _tenants, "all tenants, a JSON object each")
    return parser


def _command(
    to: Any, name: str, do: Callable[[Registry, argparse.Namespace], None], text: str
) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = to.add_parser(name, help=text, description=text)
    made.set_defaults(do=do)
    return made


def _limit_options(to: argparse.ArgumentParser) -> None:
    for name, least, kind in zip(_NAMES, (1, 0, 0), (int, int, float), strict=True):
        to.add_argument(
            f"--{name.replace('_', '-')}",
            type=_number(kind, least),
            default=argparse.SUPPRESS,
            help=f"at least {least}; none: no limit",
        )


def _limits(asked: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in _NAMES if hasattr(asked, name)}


def _number(kind: Callable[[str], float], least: float) -> Callable[[str], float | None]:
    def number(text: str) -> float | None:
        if text == "none":
            return None
        value = kind(text)
        if not least <= value < math.inf:
            raise ValueError(text)
        return value

    return number


def _matching(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def matching(text: str) -> str:
        if not pattern.fullmatch(text):
            raise argparse.ArgumentTypeError(f"{text!r} does not match {pattern.pattern}")
        return text

    return matching


def _shown(tenant: Tenant, key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.key_id,
        "tenant": tenant.tenant,
        "live": key.live,
        "created_at": key.created_at.isoformat(),
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }


def _tenant(tenant: Tenant) -> dict[str, Any]:
    live = [key.key_id for key in tenant.keys if key.live]
    return {"tenant": tenant.tenant, **asdict(tenant.limits), "live_keys": live}


def _print(*rows: dict[str, Any]) -> None:
    for row in rows:
        sys.stdout.write(f"{json.dumps(row)}\n")


def _end(text: str) -> NoReturn:
    sys.exit(text)


if __name__ == "__main__":
    main()
