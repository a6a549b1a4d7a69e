"""The generator's edge: what arrives over HTTP, wired to the use case."""

from flask import Flask

from services.generator.calls import Calls
from services.generator.clips import Clips
from services.generator.config import Settings
from services.generator.erasing import Eraser
from services.generator.finals import Finals
from services.generator.handler import Generator
from services.generator.line import Line
from services.generator.lyria import Lyria
from services.generator.quota import Quota
from services.generator.sweeper import TrackSweeper
from shared import live, shutdown, telemetry
from shared.allowance import of_quota
from shared.edge import new_app, push_route, sweep_route
from shared.gcp.firestore import FirestoreStore
from shared.gcp.pubsub import TopicPublisher
from shared.gcp.storage import BucketObjects, storage_client


def create_app(settings: Settings | None = None) -> Flask:
    """Wire the real clients to the handler.

    Raises:
        ValueError: settings that cannot work.
    """
    settings = settings or Settings()
    telemetry.configure(settings, "generator")
    timing = settings.timing()
    store = FirestoreStore(settings.gcp_project, settings.firestore_database)
    client = storage_client(settings.gcp_project)
    output = BucketObjects(client, settings.output_bucket)
    model = Lyria(
        project=settings.gcp_project,
        location=settings.location,
        model=settings.lyria_model,
        endpoint=settings.endpoint,
        timeout=timing.model_attempt,
    )
    allowance = of_quota(store, settings.lyria_model, settings.lyria_quota_per_minute)
    quota = Quota(allowance, timing)
    shutdown.at_exit(quota.give_back)
    calls = Calls(output, model, quota, timing, at_once=settings.model_calls)
    prompts = BucketObjects(client, settings.input_bucket)
    requests = TopicPublisher(settings.gcp_project, settings.requests_topic)
    generator = Generator(
        store=store,
        events=TopicPublisher(settings.gcp_project, settings.events_topic),
        progress=TopicPublisher(
            settings.gcp_project, settings.progress_topic, timeout=live.PATIENCE
        ),
        prompts=prompts,
        clips=Clips(output, calls),
        finals=Finals(output),
        eraser=Eraser(store=store, prompts=prompts, output=output),
        line=Line(store=store, requests=requests, timing=timing),
        timing=timing,
        slots=settings.work_slots,
        label=settings.model_label,
    )
    sweeper = TrackSweeper(
        store=store,
        requests=requests,
        generator=generator,
        quota=quota,
        timing=timing,
    )
    auth = settings.auth()
    app = new_app("generator")
    push_route(app, "/events/requests", auth, generator.handle)
    sweep_route(app, "/internal/sweep", auth, sweeper.run)
    return app
