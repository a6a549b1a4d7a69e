"""``GET /v1/models``: what can be asked for, and what it costs."""

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from services.ingest.tracks import catalog
from services.ingest.tracks.list_answers import ModelDetail
from shared.models import LEAST_LOOP_OVERLAP_SECONDS, MODELS, MOST_OVERLAP_SECONDS, Model


class ModelRoutes:
    """The view, with what it needs."""

    def __init__(self, quota_per_minute: int) -> None:
        """*quota_per_minute*: calls of the model that this project may make."""
        self._quota_per_minute = quota_per_minute

    def blueprint(self) -> Blueprint:
        """The one route."""
        api = Blueprint("models", __name__, url_prefix="/v1")
        api.add_url_rule("/models", view_func=self.models, methods=["GET"])
        return api

    def models(self) -> ResponseReturnValue:
        """All models, the default first."""
        names = sorted(MODELS, key=lambda name: name != catalog.MODEL)
        shown = [_shown(name, MODELS[name], self._quota_per_minute) for name in names]
        response = jsonify(models=shown)
        response.add_etag()
        return response.make_conditional(request)


def _shown(name: str, model: Model, quota_per_minute: int) -> ModelDetail:
    return {
        "id": name,
        "default": name == catalog.MODEL,
        "clip_seconds": model.clip_seconds,
        "overlap_seconds": MOST_OVERLAP_SECONDS,
        "loop_seconds": LEAST_LOOP_OVERLAP_SECONDS,
        "sample_rate": model.sample_rate,
        "channels": model.channels,
        "seconds": {
            "min": catalog.MIN_SECONDS,
            "max": catalog.MAX_SECONDS,
            "default": catalog.DEFAULT_SECONDS,
        },
        "prompt_characters": {
            "min": catalog.PROMPT_LENGTH.start,
            "max": catalog.PROMPT_LENGTH.stop - 1,
        },
        "styles": list(catalog.STYLES),
        "tempos": {
            "words": list(catalog.TEMPO_WORDS),
            "bpm": {"min": catalog.BPM.start, "max": catalog.BPM.stop - 1},
        },
        "formats": list(catalog.FORMATS),
        "bit_depths": list(catalog.BIT_DEPTHS),
        "takes_seed": model.takes_seed,
        "takes_negative_prompt": model.takes_negative_prompt,
        "price_usd_per_clip": model.price_usd,
        "quota_per_minute": quota_per_minute,
    }
