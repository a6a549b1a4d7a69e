"""``/v1/prompts``: an image becomes a prompt."""

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from services.ingest.identity.callers import tenant
from services.ingest.prompts.answers import shown
from services.ingest.prompts.reading import read_image
from services.ingest.prompts.refusals import no_such_image
from services.ingest.prompts.use_cases import Prompts
from services.ingest.tracks.submission import IMAGE_ID


class PromptRoutes:
    """The views, with what they need."""

    def __init__(self, prompts: Prompts, base: str) -> None:
        """*base*: URL that links begin with."""
        self._prompts = prompts
        self._base = base

    def blueprint(self) -> Blueprint:
        """The routes below ``/v1/prompts``."""
        api = Blueprint("prompts", __name__, url_prefix="/v1/prompts")
        api.add_url_rule("", view_func=self.create, methods=["POST"])
        api.add_url_rule("/<image_id>", view_func=self.get, methods=["GET"])
        api.add_url_rule("/<image_id>", view_func=self.delete, methods=["DELETE"])
        return api

    def create(self) -> ResponseReturnValue:
        """What an image sounds like; the same image is looked at once a day."""
        name, seen, known = self._prompts.describe(tenant(), read_image)
        headers = {"Idempotent-Replayed": "true"} if known else {}
        return dict(shown(name, seen, self._base)), 200, headers

    def get(self, image_id: str) -> ResponseReturnValue:
        """The same again, without the image."""
        seen = self._prompts.find(tenant(), _checked(image_id))
        if seen is None:
            raise no_such_image()
        return dict(shown(image_id, seen, self._base))

    def delete(self, image_id: str) -> ResponseReturnValue:
        """Forget it before its time."""
        self._prompts.erase(tenant(), _checked(image_id))
        return Response(status=204)


def _checked(image_id: str) -> str:
    """*image_id* when it can be one; nothing else gets to the store."""
    if not IMAGE_ID.fullmatch(image_id):
        raise no_such_image()
    return image_id
