"""The environment of the stack's processes: local defaults, what the caller set, our addresses."""

import base64
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from deploy.local.bootstrap import ROOT
from deploy.local.layout import API_KEY, Layout

_ACCOUNT: Final = "{}@motif-local.iam.gserviceaccount.com"
_DEFAULTS: Final = {
    "GCP_PROJECT": "motif-local",
    "GCP_REGION": "us-central1",
    "INPUT_BUCKET": "motif-local-prompts",
    "OUTPUT_BUCKET": "motif-local-output",
    "REQUESTS_TOPIC": "track-requests",
    "EVENTS_TOPIC": "track-events",
    "PROGRESS_TOPIC": "track-progress",
    "PUSH_ACCOUNTS": f"{_ACCOUNT.format('eventarc')},{_ACCOUNT.format('scheduler')}",
    "SIGNING_ACCOUNT": _ACCOUNT.format("signer"),
    "LYRIA_MODEL": "lyria-002",
    "MODEL_LABEL": "motif-sketch",  # what plays here is not Lyria, and its files say so
    "LYRIA_QUOTA_PER_MINUTE": "600",
    "IMAGES_PER_MINUTE": "6000",
    "CORS_ORIGINS": "*",
    "API_AUTH": "off",
}
_LOOPBACK: Final = "127.0.0.0/8,::1/128,localhost"
"""Receivers of webhooks on this machine, on any port and without TLS."""
_THREADS: Final = {"generator": "80", "notifier": "64"}
# Cloud Run's mark, and credentials of a real project: neither has business here.
_REMOVED: Final = ("K_SERVICE", "GOOGLE_APPLICATION_CREDENTIALS", "GUNICORN_CMD_ARGS", API_KEY)


def environment(layout: Layout, given: Mapping[str, str]) -> dict[str, str]:
    """What every process gets: *given* wins over our defaults, but not over our addresses.

    So an emulator that the caller's shell points to is left alone.
    """
    made = {
        "WEBHOOK_SECRET": partial(webhook_secret, layout.state / "webhook_secret"),
        "WEBHOOK_MAIN_KEYS": partial(main_key, layout.state / "webhook_main_key"),
        "SESSION_KEYS": partial(main_key, layout.state / "session_key"),
        "CDN_KEYS": partial(cdn_key, layout.state / "cdn_key"),
    }
    defaults = _DEFAULTS | {
        "VERTEX_ENDPOINT": layout.url("vertex"),
        "GEMINI_ENDPOINT": layout.url("vertex"),
        "PUBLIC_URL": layout.url("ingest"),
        **{name: given.get(name) or make() for name, make in made.items()},
    }
    env = {name: value for name, value in given.items() if name not in _REMOVED}
    env = env | {name: given.get(name) or default for name, default in defaults.items()}
    if env["API_AUTH"] == "on":
        env[API_KEY] = api_key(layout.state / "api_key")
    return env | _addresses(layout, env)


def service_environment(name: str, layout: Layout, env: Mapping[str, str]) -> dict[str, str]:
    """*env* with what only the service *name* gets."""
    own = {
        "BIND": "127.0.0.1",
        "PORT": str(layout.ports[name]),
        "THREADS": _THREADS.get(name, ""),  # ingest has its own: INGEST_THREADS
        "PUSH_AUDIENCE": layout.url(name),
        "OPENBLAS_NUM_THREADS": "1",  # the generator's threads are its parallelism
        "MALLOC_MMAP_THRESHOLD_": str(2**20),  # clips go back to the system when they are done
        "MALLOC_TRIM_THRESHOLD_": str(2**23),  # blocks do not, or each would be page faults
        "MALLOC_ARENA_MAX": "2",  # and what many threads have used, to each other
    }
    return {**env, **own}


def webhook_secret(file: Path) -> str:
    """The stack's own ``whsec_`` secret (Standard Webhooks 1.0.0), made once."""
    return _made_once(file, lambda: f"whsec_{_random()}")


def main_key(file: Path) -> str:
    """What webhook secrets, or sessions, are sealed under here, made once."""
    return _made_once(file, _random)


def cdn_key(file: Path) -> str:
    """What links are signed under here with ``AUDIO_DELIVERY=cdn``, made once."""
    secret = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode()
    return _made_once(file, lambda: f"local:{secret}")


def api_key(file: Path) -> str:
    """The key of tenant ``local`` here, made once; ``resources`` tells Firestore of it."""
    from services.ingest.identity.keys import new_key  # noqa: PLC0415 - most stacks have no keys

    return _made_once(file, lambda: new_key("local").text)


def _made_once(file: Path, make: Callable[[], str]) -> str:
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(f"{make()}\n")
    return file.read_text().strip()


def _random() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _addresses(layout: Layout, env: Mapping[str, str]) -> dict[str, str]:
    targets = filter(None, (env.get("WEBHOOK_ALLOWED_TARGETS"), _LOOPBACK))
    # A proxy of the caller's must not stand between our own processes.
    direct = ",".join(filter(None, (env.get("NO_PROXY") or env.get("no_proxy"), "127.0.0.1")))
    return {
        "GOOGLE_CLOUD_PROJECT": env["GCP_PROJECT"],
        "PUBSUB_EMULATOR_HOST": layout.host("pubsub"),
        "FIRESTORE_EMULATOR_HOST": layout.host("firestore"),
        "STORAGE_EMULATOR_HOST": layout.url("storage"),
        "IAM_ENDPOINT": layout.url("storage"),
        "CDN_URL": layout.url("storage"),
        "PUSH_AUTH": "verify",
        "OIDC_CERTS_URL": f"{layout.url('relay')}/certs",
        "WEBHOOK_ALLOWED_TARGETS": ",".join(targets),
        "NO_PROXY": direct,
        "no_proxy": direct,
        "PYTHONPATH": str(ROOT),
    }
