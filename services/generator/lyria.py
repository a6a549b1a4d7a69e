"""Lyria 2 on Vertex AI through ``google.cloud.aiplatform_v1``: one clip per ``predict``."""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

import requests
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud.aiplatform_v1 import PredictionServiceClient
from google.protobuf.json_format import ParseError
from urllib3.exceptions import NewConnectionError

from services.generator.model import (
    Clip,
    ClipRequest,
    ModelUnavailable,
    NothingToStore,
    QuotaExceeded,
    ReplyLost,
)
from shared.errors import Code, MotifError, PermanentError

_AUDIO_KEYS: Final = ("bytesBase64Encoded", "audioContent")  # what it sends; what is documented
_TEXTS: Final = (  # no machine-readable reason exists: the texts are all there is
    ("recitation", Code.PROMPT_RECITATION),
    ("unsupported language", Code.PROMPT_LANGUAGE),
    ("prompt flag", Code.PROMPT_BLOCKED),
    ("responsible ai", Code.PROMPT_BLOCKED),
    ("safety", Code.PROMPT_BLOCKED),
)
_MESSAGES: Final = {
    Code.PROMPT_LANGUAGE: "The model takes only English prompts.",
    Code.PROMPT_BLOCKED: "The model's safety filter refused the prompt.",
    Code.MODEL_REJECTED: "The model refused the request.",
}
_SERVER_FAULT: Final = 500
_TOO_MANY: Final = 429
_GATEWAY_TIMEOUT: Final = 504


class Lyria:
    """The model behind ``MusicModel``; thread-safe, one per process."""

    def __init__(
        self, *, project: str, location: str, model: str, endpoint: str, timeout: float
    ) -> None:
        """Connect (lazily) to *endpoint*, a URL; plain http is taken without credentials."""
        local = endpoint.startswith("http://")
        self._client = PredictionServiceClient(
            credentials=AnonymousCredentials() if local else None,
            transport="rest",  # a gRPC channel's default limit would refuse an 8 MB clip as 429
            client_options=ClientOptions(api_endpoint=endpoint),
        )
        self._model = f"projects/{project}/locations/{location}/publishers/google/models/{model}"
        self._timeout = timeout

    def generate(self, request: ClipRequest) -> Clip:
        """Pay for one clip; see ``MusicModel``."""
        instance: dict[str, Any] = {"prompt": request.prompt, "seed": request.seed}
        if request.negative_prompt:
            instance["negative_prompt"] = request.negative_prompt
        try:
            # `predict` has neither a default timeout nor, and rightly so, a default retry.
            reply = self._client.predict(
                endpoint=self._model, instances=[instance], parameters={}, timeout=self._timeout
            )
        except GoogleAPICallError as exc:
            raise _refusal(exc) from exc
        except (requests.exceptions.ConnectTimeout, GoogleAuthError) as exc:
            raise ModelUnavailable("no way to the model") from exc
        except requests.exceptions.ConnectionError as exc:
            raise _connection(exc) from exc
        except (requests.RequestException, RetryError, ParseError, ValueError) as exc:
            raise ReplyLost(f"the model's reply broke off: {type(exc).__name__}") from exc
        return Clip(_audio(reply.predictions))


def _connection(exc: requests.exceptions.ConnectionError) -> MotifError:
    cause = exc.args[0] if exc.args else None
    # Name resolution counts among these; anything later may have reached the model.
    if isinstance(getattr(cause, "reason", None), NewConnectionError):
        return ModelUnavailable("no connection to the model")
    return ReplyLost("the connection to the model broke off")


def _refusal(exc: GoogleAPICallError) -> MotifError:
    status = int(exc.code or _SERVER_FAULT)
    if status == _TOO_MANY:
        return QuotaExceeded("the model's quota is used up", _retry_after(exc))
    if status == _GATEWAY_TIMEOUT:
        return ReplyLost("the model did not answer in time")
    if status >= _SERVER_FAULT:
        return ModelUnavailable(f"the model answered {status}", refused=True)
    text = str(exc.message).lower()
    code = next((code for part, code in _TEXTS if part in text), Code.MODEL_REJECTED)
    if code is Code.PROMPT_RECITATION:
        return NothingToStore("the clip resembled existing music", code=code)
    return PermanentError(_MESSAGES[code], code=code)


def _retry_after(exc: GoogleAPICallError) -> float:
    value = getattr(exc.response, "headers", {}).get("Retry-After", "")
    return float(value) if re.fullmatch(r"\d{1,4}", value) else 0


def _audio(predictions: Any) -> bytes:
    first = next(iter(predictions), None)
    fields = first if isinstance(first, Mapping) else {}
    text = next((fields.get(key) for key in _AUDIO_KEYS if fields.get(key)), "")
    data = _decoded(str(text))
    if not data:
        raise NothingToStore("the model's answer held no audio", code=Code.MODEL_REJECTED)
    return data


def _decoded(text: str) -> bytes:
    """Whatever can be decoded: a paid reply is stored before it is judged."""
    try:
        return base64.b64decode(text[: len(text) // 4 * 4])
    except ValueError:  # binascii.Error, or text that is not ASCII
        return b""
