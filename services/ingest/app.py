"""Ingest's edge: the public routes, wired to the use cases."""

from dataclasses import dataclass
from typing import Final

from flask import Flask

from services.ingest.config import LOCAL_TENANT, Settings
from services.ingest.edge.cors import add_cors
from services.ingest.edge.echo import echo_routes
from services.ingest.edge.leftovers import read_leftovers
from services.ingest.edge.queries import check_queries
from services.ingest.identity.addresses import Addresses
from services.ingest.identity.callers import Callers
from services.ingest.identity.keys import KEPT_SECONDS, Keys
from services.ingest.identity.origins import Origins
from services.ingest.identity.routes import SessionRoutes
from services.ingest.identity.sessions import Sessions
from services.ingest.limits.admission import Limits
from services.ingest.limits.rates import Rates
from services.ingest.limits.routes import UsageRoutes
from services.ingest.live.hub import Hub
from services.ingest.live.routes import Renderer, StreamRoutes
from services.ingest.live.streams import Streams
from services.ingest.openapi.routes import DocumentRoutes
from services.ingest.prompts.gemini import Gemini
from services.ingest.prompts.rations import Rations
from services.ingest.prompts.routes import PromptRoutes
from services.ingest.prompts.use_cases import Prompts
from services.ingest.studio.routes import StudioRoutes
from services.ingest.tracks import catalog
from services.ingest.tracks.details import Details
from services.ingest.tracks.erasing import Erasing
from services.ingest.tracks.legacy import LegacyRoute
from services.ingest.tracks.list_routes import LibraryRoutes
from services.ingest.tracks.listing import Listing
from services.ingest.tracks.models_routes import ModelRoutes
from services.ingest.tracks.promises import Promises
from services.ingest.tracks.routes import TrackRoutes
from services.ingest.tracks.use_cases import Tracks
from services.ingest.webhooks.endpoints import Endpoints
from services.ingest.webhooks.routes import WebhookRoutes
from services.ingest.webhooks.secret_routes import SecretRoutes
from services.ingest.webhooks.secrets import Secrets
from services.ingest.webhooks.use_cases import Webhooks
from shared import live, shutdown, telemetry
from shared.cdn import CdnUrls
from shared.edge import new_app
from shared.gcp.firestore import FirestoreStore
from shared.gcp.pubsub import TopicPublisher
from shared.gcp.signing import BucketUrls, IamSigner
from shared.gcp.storage import storage_client
from shared.ports import UrlSigner
from shared.vault import Vault

_RATE_PATIENCE: Final = 2.0
"""Seconds that a request waits to be counted, while the store is away."""


@dataclass(frozen=True, slots=True)
class _Clients:
    """Firestore, and the topics."""

    store: FirestoreStore
    requests: TopicPublisher
    events: TopicPublisher
    progress: TopicPublisher


def create_app(settings: Settings | None = None) -> Flask:
    """Wire the real clients to the use cases.

    Raises:
        ValueError: settings that cannot work.
    """
    settings = settings or Settings()
    telemetry.configure(settings, "ingest")
    clients = _clients(settings)
    secrets = Secrets(
        store=clients.store,
        vault=Vault(settings.webhook_main_keys.get_secret_value()),
        default=settings.webhook_secret.get_secret_value(),
    )
    app = new_app("ingest")
    add_cors(app, settings.origins)
    callers = _callers(settings, clients.store)
    read_leftovers(app)
    callers.install(app)
    place = settings.gcp_project, settings.firestore_database
    Rates(FirestoreStore(*place, timeout=_RATE_PATIENCE)).install(app)
    check_queries(app)
    addresses = Addresses(settings.proxies, proxied=bool(settings.k_service))
    app.register_blueprint(SessionRoutes(callers, addresses).blueprint())
    app.register_blueprint(DocumentRoutes(settings).blueprint())
    app.register_blueprint(SecretRoutes(secrets).blueprint())
    app.register_blueprint(echo_routes())
    _add_tracks(app, settings, clients, secrets, callers)
    return app


def _clients(settings: Settings) -> _Clients:
    project = settings.gcp_project
    return _Clients(
        FirestoreStore(project, settings.firestore_database),
        TopicPublisher(project, settings.requests_topic),
        TopicPublisher(project, settings.events_topic),
        TopicPublisher(project, settings.progress_topic, timeout=live.PATIENCE),
    )


def _callers(settings: Settings, store: FirestoreStore) -> Callers:
    return Callers(
        Keys(store, KEPT_SECONDS * settings.time_scale),
        Sessions(settings.session_keys.get_secret_value()),
        Origins(settings.public_url, settings.origins),
        auth=settings.api_auth == "on",
    )


def _urls(settings: Settings) -> UrlSigner:
    if settings.audio_delivery == "cdn":
        return CdnUrls(settings.cdn_url, settings.link_keys[0])
    signer = IamSigner(settings.iam_endpoint, settings.signing_account)
    return BucketUrls(storage_client(settings.gcp_project), signer)


def _gemini(settings: Settings) -> Gemini:
    return Gemini(
        project=settings.gcp_project,
        location=settings.gemini_location,
        model=settings.gemini_model,
        endpoint=settings.gemini_endpoint,
    )


def _add_tracks(
    app: Flask, settings: Settings, clients: _Clients, secrets: Secrets, callers: Callers
) -> None:
    """Everything that concerns tracks, and what became of them."""
    store, timing, base = clients.store, settings.timing(), settings.public_url.rstrip("/")
    promises = Promises(
        store,
        model=catalog.MODEL,
        per_minute=settings.lyria_quota_per_minute,
        scale=settings.time_scale,
    )
    hub = Hub(store, heartbeat=timing.heartbeat)
    tracks = Tracks(
        store=store,
        requests=clients.requests,
        events=clients.events,
        progress=clients.progress,
        timing=timing,
        waiters=settings.long_polls,
        promise=promises.promise,
        hub=hub,
    )
    limits = Limits(tracks, store, secrets)
    shutdown.at_exit(limits.spend.give_back)
    details = Details(tracks, promises, base)
    urls = _urls(settings)
    streams = Streams(
        hub,
        Renderer(details),
        most=settings.streams,
        heartbeat=timing.heartbeat,
        life=timing.stream,
    )
    erasing = Erasing(store=store, requests=clients.requests, timing=timing)
    rations = Rations(store, per_minute=settings.images_per_minute, per_day=settings.images_per_day)
    prompts = Prompts(store, _gemini(settings), rations)
    webhooks = WebhookRoutes(
        tracks=tracks,
        webhooks=Webhooks(store=store, wake=clients.progress, public_url=base),
        endpoints=Endpoints(store),
        secrets=secrets,
        settings=settings,
    )
    for routes in (
        StudioRoutes(urls.origin),
        TrackRoutes(tracks, details, urls, limits, settings, prompts=prompts),
        PromptRoutes(prompts, base),
        StreamRoutes(tracks, streams, callers.keys),
        LibraryRoutes(Listing(store), erasing, base),
        UsageRoutes(store),
        ModelRoutes(settings.lyria_quota_per_minute),
        webhooks,
    ):
        app.register_blueprint(routes.blueprint())
    tenant = settings.legacy_api_tenant or ("" if settings.k_service else LOCAL_TENANT)
    if tenant:
        app.register_blueprint(LegacyRoute(limits, tenant).blueprint())
