"""The notifier's edge: what arrives over HTTP, wired to the use case."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from flask import Flask

from services.notifier.config import Settings
from services.notifier.dispatch import Dispatch
from services.notifier.egress import Egress
from services.notifier.gate import Gate
from services.notifier.handler import Notifier
from services.notifier.health import Health
from services.notifier.record import Recorder
from services.notifier.releaser import Releaser
from services.notifier.rows import Rows
from services.notifier.sender import Sender
from services.notifier.signing import Signer
from services.notifier.sweeper import DeliverySweeper
from shared import telemetry
from shared.edge import new_app, push_route, sweep_route
from shared.gcp.firestore import FirestoreStore
from shared.vault import Vault


def create_app(settings: Settings | None = None) -> Flask:
    """Wire the real clients to the handler.

    Raises:
        ValueError: settings that cannot work.
    """
    settings = settings or Settings()
    telemetry.configure(settings, "notifier")
    timing, scale = settings.timing(), settings.webhook_time_scale
    store = FirestoreStore(settings.gcp_project, settings.firestore_database)
    rows = Rows(store=store, timing=timing, scale=scale)
    gate = Gate()
    sender = Sender(
        rows=rows,
        egress=Egress(targets=settings.targets, seconds=timing.webhook_attempt),
        signer=Signer(
            store=store,
            vault=Vault(settings.webhook_main_keys.get_secret_value()),
            default=settings.webhook_secret.get_secret_value(),
        ),
        health=Health(store=store, scale=scale),
        gate=gate,
    )
    dispatch = Dispatch(sender=sender, gate=gate)
    recorder = Recorder(store=store, public_url=settings.base_url)
    notifier = Notifier(recorder=recorder, rows=rows, dispatch=dispatch, scale=scale)
    deliveries = DeliverySweeper(store=store, rows=rows, dispatch=dispatch, timing=timing)
    endpoints = Releaser(store=store, rows=rows, timing=timing)

    def swept() -> dict[str, int]:
        with ThreadPoolExecutor(1) as beside:  # a pass of either may last a whole period
            released = beside.submit(copy_context().run, endpoints.run)
            done = deliveries.run()
            return {name: count + released.result()[name] for name, count in done.items()}

    auth = settings.auth()
    app = new_app("notifier")
    push_route(app, "/events/tracks", auth, notifier.handle)
    sweep_route(app, "/internal/sweep", auth, swept)
    return app
