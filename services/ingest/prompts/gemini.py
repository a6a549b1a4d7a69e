"""Gemini on Vertex AI through ``google-genai``: one image, one structured answer."""

import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from services.ingest.prompts.looks import INSTRUCTION, Blocked, Look, ModelAway

if TYPE_CHECKING:
    from google.genai import Client

_TIMEOUT: Final = 20_000
"""Milliseconds for one answer, the connection included."""
_MOST_TOKENS: Final = 1024
_BLOCKED: Final = frozenset(
    {
        "SAFETY",
        "IMAGE_SAFETY",
        "PROHIBITED_CONTENT",
        "BLOCKLIST",
        "SPII",
        "IMAGE_PROHIBITED_CONTENT",
    }
)


class Gemini:
    """The model behind ``Looker``; thread-safe, one per process."""

    def __init__(self, *, project: str, location: str, model: str, endpoint: str) -> None:
        """*endpoint* is a URL, empty for the location's own; plain http takes no credentials."""
        self.name = model
        self._project = project
        self._location = location
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._made: Client | None = None

    def look(self, jpeg: bytes) -> str:
        """What it says; see ``Looker``. One request: nothing here is repeated."""
        # Not at start: 0.3 s that only images are worth.
        import httpx  # noqa: PLC0415
        import requests  # noqa: PLC0415
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415
        from google.genai import errors  # noqa: PLC0415

        try:
            answer = self._client().models.generate_content(**self._asked(jpeg))
        except errors.APIError as exc:
            outcome = "quota" if exc.code == HTTPStatus.TOO_MANY_REQUESTS else "failed"
            raise ModelAway(outcome, f"http_{exc.code}") from exc
        except (httpx.TimeoutException, requests.Timeout) as exc:
            raise ModelAway("timeout", type(exc).__name__) from exc
        except (httpx.HTTPError, requests.RequestException, GoogleAuthError, ValueError) as exc:
            raise ModelAway("failed", type(exc).__name__) from exc
        return _text(answer)

    def _client(self) -> "Client":
        with self._lock:
            if self._made is None:
                self._made = self._new()
            return self._made

    def _new(self) -> "Client":
        from google.genai import Client, types  # noqa: PLC0415 - as in `look`
        from google.oauth2.credentials import Credentials  # noqa: PLC0415 - the same

        local = self._endpoint.startswith("http://")
        return Client(
            vertexai=True,
            project=self._project,
            location=self._location,
            credentials=Credentials("local") if local else None,  # type: ignore[no-untyped-call]  # google.auth has no types
            http_options=types.HttpOptions(
                base_url=self._endpoint or None,
                timeout=_TIMEOUT,
                retry_options=types.HttpRetryOptions(attempts=1),
            ),
        )

    def _asked(self, jpeg: bytes) -> dict[str, Any]:
        from google.genai import types  # noqa: PLC0415 - as in `look`

        config = types.GenerateContentConfig(
            system_instruction=INSTRUCTION,
            response_mime_type="application/json",
            response_schema=Look,
            max_output_tokens=_MOST_TOKENS,
            media_resolution=types.MediaResolution.MEDIA_RESOLUTION_LOW,
            thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.MINIMAL),
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )
        image = types.Part.from_bytes(data=jpeg, mime_type="image/jpeg")
        return {"model": self.name, "contents": [image], "config": config}


def _text(answer: Any) -> str:
    """All text of the first candidate.

    Raises:
        Blocked: there is none, for the sake of safety.
    """
    feedback = answer.prompt_feedback
    candidate = next(iter(answer.candidates or ()), None)
    reason = candidate.finish_reason if candidate else None
    if (feedback and feedback.block_reason) or (reason and reason.name in _BLOCKED):
        raise Blocked
    parts = candidate.content.parts if candidate and candidate.content else None
    return "".join(part.text or "" for part in parts or () if not part.thought)
