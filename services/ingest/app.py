"""Ingest's edge: the public routes, wired to the use cases."""

from flask import Flask

from services.ingest.config import LOCAL_TENANT, Settings
from services.ingest.cors import add_cors
from services.ingest.legacy import LegacyRoute
from services.ingest.routes import TrackRoutes
from services.ingest.tracks import Tracks
from shared import logs
from shared.edge import new_app
from shared.gcp.firestore import FirestoreStore
from shared.gcp.pubsub import TopicPublisher
from shared.gcp.signing import BucketUrls, IamSigner
from shared.gcp.storage import storage_client


def create_app(settings: Settings | None = None) -> Flask:
    """Wire the real clients to the use cases.

    Raises:
        ValueError: settings that cannot work.
    """
    settings = settings or Settings()
    logs.configure(settings.log_level)
    tracks = Tracks(
        store=FirestoreStore(settings.gcp_project, settings.firestore_database),
        requests=TopicPublisher(settings.gcp_project, settings.requests_topic),
        events=TopicPublisher(settings.gcp_project, settings.events_topic),
        timing=settings.timing(),
        waiters=settings.long_polls,
    )
    signer = IamSigner(settings.iam_endpoint, settings.signing_account)
    urls = BucketUrls(storage_client(settings.gcp_project), signer)
    app = new_app("ingest", project=settings.gcp_project)
    add_cors(app, settings.origins)
    app.register_blueprint(TrackRoutes(tracks, urls, settings).blueprint())
    tenant = settings.legacy_api_tenant or ("" if settings.k_service else LOCAL_TENANT)
    if tenant:
        app.register_blueprint(LegacyRoute(tracks, tenant).blueprint())
    return app
