"""The request of `:generateContent` with one image, read as strictly as a careful server would."""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from deploy.local.http import Request
from deploy.local.vertex.call import Refused
from deploy.local.vertex.errors import Refusal, invalid

_PATH: Final = re.compile(
    r"/v1(?:beta1)?/projects/[^/]+/locations/[^/]+/publishers/google/models/(?P<id>[^/:]+)"
    r":generateContent"
)
_MODELS: Final = re.compile(r"gemini-[0-9a-z.-]+")
_MEMBERS: Final = frozenset(
    {"contents", "systemInstruction", "generationConfig", "safetySettings", "labels"}
)
_CONFIG: Final = frozenset(
    {
        *("responseMimeType", "responseSchema", "responseJsonSchema", "maxOutputTokens"),
        *("mediaResolution", "thinkingConfig", "temperature", "topP", "seed", "candidateCount"),
    }
)


@dataclass(frozen=True)
class Look:
    """An accepted request: the model that was asked for, the image, and its type."""

    model: str
    image: bytes
    mime_type: str


def is_look(request: Request) -> bool:
    """Whether the request is one for this package."""
    return _PATH.fullmatch(unquote(request.path)) is not None


def read(request: Request) -> Look:
    """What the client wants. Raises Refused, and ConnectionError if the client goes away."""
    path = _PATH.fullmatch(unquote(request.path))
    if path is None or request.method != "POST" or not _MODELS.fullmatch(path["id"]):
        raise Refused(Refusal(404, "NOT_FOUND", "The requested URL was not found on this server."))
    try:
        body = _camel(json.loads(request.body))
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(invalid("Invalid JSON payload received."))
    _known(body, _MEMBERS, "")
    config = body.get("generationConfig", {})
    _known(config, _CONFIG, "generation_config.")
    if config.get("responseMimeType") != "application/json" or "responseSchema" not in config:
        raise Refused(invalid("Only structured output is spoken here."))
    return _look(path["id"], body.get("contents"))


def _look(model: str, contents: Any) -> Look:
    parts = [part for one in contents or () for part in one.get("parts", ())]
    images = [part["inlineData"] for part in parts if "inlineData" in part]
    if len(images) != 1:
        raise Refused(invalid("One image is wanted."))
    try:  # either alphabet, as protobuf takes it
        text = str(images[0]["data"]).translate(str.maketrans("-_", "+/"))
        data = base64.b64decode(text, validate=True)
    except (KeyError, binascii.Error):
        raise Refused(invalid("Invalid value at 'inline_data.data': Base64 failed.")) from None
    return Look(model, data, str(images[0].get("mimeType", "")))


def _known(members: dict[str, Any], names: frozenset[str], where: str) -> None:
    for name in members.keys() - names:
        raise Refused(
            invalid(
                f'Invalid JSON payload received. Unknown name "{where}{name}": Cannot find field.'
            )
        )


def _camel(value: Any) -> Any:
    """Members by their JSON names: protobuf takes both spellings."""
    if isinstance(value, list):
        return [_camel(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        re.sub("_([a-z])", lambda found: found[1].upper(), name): _camel(one)
        for name, one in value.items()
    }
