"""The notifier's edge: what arrives over HTTP, wired to the use case."""

from flask import Flask

from services.notifier.config import Settings
from services.notifier.egress import Egress
from services.notifier.handler import Notifier
from services.notifier.sender import Sender
from services.notifier.sweeper import DeliverySweeper
from shared import logs
from shared.edge import new_app, push_route, sweep_route
from shared.gcp.firestore import FirestoreStore


def create_app(settings: Settings | None = None) -> Flask:
    """Wire the real clients to the handler.

    Raises:
        ValueError: settings that cannot work.
    """
    settings = settings or Settings()
    logs.configure(settings.log_level)
    timing = settings.timing()
    scale = settings.webhook_time_scale
    store = FirestoreStore(settings.gcp_project, settings.firestore_database)
    sender = Sender(
        store=store,
        egress=Egress(allowed=settings.allowed_targets, seconds=timing.webhook_attempt),
        keys=settings.keys,
        timing=timing,
        scale=scale,
    )
    notifier = Notifier(store=store, sender=sender, public_url=settings.base_url, scale=scale)
    sweeper = DeliverySweeper(store=store, sender=sender, timing=timing)
    auth = settings.auth()
    app = new_app("notifier", project=settings.gcp_project)
    push_route(app, "/events/tracks", auth, notifier.handle)
    sweep_route(app, "/internal/sweep", auth, sweeper.run)
    return app
