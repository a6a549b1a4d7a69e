"""Ingest's edge: the public routes, wired to the use cases."""

from flask import Flask

from services.ingest.callers import admit_all
from services.ingest.config import LOCAL_TENANT, Settings
from services.ingest.cors import add_cors
from services.ingest.details import Details
from services.ingest.endpoints import Endpoints
from services.ingest.legacy import LegacyRoute
from services.ingest.routes import TrackRoutes
from services.ingest.secret_routes import SecretRoutes
from services.ingest.secrets import Secrets
from services.ingest.tracks import Tracks
from services.ingest.webhook_routes import WebhookRoutes
from services.ingest.webhooks import Webhooks
from shared import live, logs
from shared.edge import new_app
from shared.gcp.firestore import FirestoreStore
from shared.gcp.pubsub import TopicPublisher
from shared.gcp.signing import BucketUrls, IamSigner
from shared.gcp.storage import storage_client
from shared.vault import Vault


def create_app(settings: Settings | None = None) -> Flask:
    """Wire the real clients to the use cases.

    Raises:
        ValueError: settings that cannot work.
    """
    settings = settings or Settings()
    logs.configure(settings.log_level)
    progress = TopicPublisher(settings.gcp_project, settings.progress_topic, timeout=live.PATIENCE)
    store = FirestoreStore(settings.gcp_project, settings.firestore_database)
    secrets = Secrets(
        store=store,
        vault=Vault(settings.webhook_main_keys.get_secret_value()),
        default=settings.webhook_secret.get_secret_value(),
    )
    tracks = Tracks(
        store=store,
        requests=TopicPublisher(settings.gcp_project, settings.requests_topic),
        events=TopicPublisher(settings.gcp_project, settings.events_topic),
        progress=progress,
        timing=settings.timing(),
        waiters=settings.long_polls,
    )
    base = settings.public_url.rstrip("/")
    details = Details(tracks, base)
    signer = IamSigner(settings.iam_endpoint, settings.signing_account)
    urls = BucketUrls(storage_client(settings.gcp_project), signer)
    app = new_app("ingest", project=settings.gcp_project)
    add_cors(app, settings.origins)
    admit_all(app)
    app.register_blueprint(TrackRoutes(tracks, details, urls, secrets, settings).blueprint())
    app.register_blueprint(SecretRoutes(secrets).blueprint())
    webhooks = WebhookRoutes(
        tracks=tracks,
        webhooks=Webhooks(store=store, wake=progress, public_url=base),
        endpoints=Endpoints(store),
        secrets=secrets,
        settings=settings,
    )
    app.register_blueprint(webhooks.blueprint())
    tenant = settings.legacy_api_tenant or ("" if settings.k_service else LOCAL_TENANT)
    if tenant:
        app.register_blueprint(LegacyRoute(tracks, tenant).blueprint())
    return app
