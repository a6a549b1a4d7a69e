"""The rivals of ``benchmarks/submit.py``: what else can be put behind ``POST /``.

    gunicorn -c deploy/gunicorn.conf.py "benchmarks.submitted:upload()"

Each is as short as such a service can be. They take their project, bucket and topic from the
environment, as Motif does, and answer with what they made.
"""

import json
import os
import uuid

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.pubsub_v1.types import BatchSettings
from google.cloud.storage import Client

_SHORTEST, _LONGEST = 5, 500


def upload() -> Flask:
    """Check the prompt's length, upload ``requests/ID.json``, answer 200: the first service."""
    app = Flask("upload")
    client = Client(project=os.environ["GCP_PROJECT"])
    bucket = client.bucket(os.environ["INPUT_BUCKET"])

    @app.post("/")
    def submit() -> ResponseReturnValue:
        body = request.get_json(silent=True) or {}
        prompt = str(body.get("prompt", "")).strip()
        if not _SHORTEST <= len(prompt) < _LONGEST:
            return jsonify(error="Prompt must have 5 to 500 characters"), 400
        request_id = str(uuid.uuid4())
        text = json.dumps({"request_id": request_id, **body})
        blob = bucket.blob(f"requests/{request_id}.json")
        blob.upload_from_string(text, content_type="application/json")
        return jsonify(request_id=request_id, status="queued")

    return _probed(app)


def publish_alone() -> Flask:
    """The same as ``publish``, each message in a call of its own."""
    return publish(most=1)


def publish(most: int = 100) -> Flask:
    """Publish the body, answer 200; up to *most* messages go in one call, as the client does."""
    app = Flask("publish")
    client = PublisherClient(batch_settings=BatchSettings(max_messages=most))
    topic = client.topic_path(os.environ["GCP_PROJECT"], os.environ["BARE_TOPIC"])

    @app.post("/")
    def submit() -> ResponseReturnValue:
        return jsonify(id=client.publish(topic, request.get_data()).result())

    return _probed(app)


def _probed(app: Flask) -> Flask:
    app.add_url_rule("/startup", view_func=dict, endpoint="startup")
    return app
