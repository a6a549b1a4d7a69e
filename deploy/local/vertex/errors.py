"""How Vertex AI says no: the error texts of `lyria-002`, in Google's JSON shape."""

from dataclasses import dataclass
from typing import Final

from deploy.local.http import Response


@dataclass(frozen=True)
class Refusal:
    """One error reply: HTTP code, canonical status and text."""

    code: int
    status: str
    message: str

    def response(self, retry_after: float | None = None) -> Response:
        """The reply, with a `Retry-After` header where one is given."""
        headers = () if retry_after is None else (("Retry-After", f"{retry_after:g}"),)
        error = {"code": self.code, "message": self.message, "status": self.status}
        return Response.json({"error": error}, self.code, headers)


def invalid(message: str) -> Refusal:
    """The refusal of a request that is not as documented."""
    return Refusal(400, "INVALID_ARGUMENT", message)


def not_found(resource: str) -> Refusal:
    """The refusal of a model that is not there."""
    return Refusal(
        404,
        "NOT_FOUND",
        f"Publisher Model `{resource}` was not found or your project does not have access to it.",
    )


_FAILED: Final = "Audio generation failed with the following error: "
_MODEL: Final = "projects/P/locations/L/publishers/google/models/lyria-002"

ERRORS: Final = {
    "recitation": invalid(
        f"{_FAILED}All responses were blocked by recitation checks."
        " Please modify your prompt and try again."
    ),
    "language": invalid(
        f"{_FAILED}Unsupported language detected. Please use one of the supported languages: en."
    ),
    "safety_flag": invalid(f"{_FAILED}Music generation failed. Prompt flagged by safety filters."),
    "responsible_ai": invalid(
        "The prompt could not be submitted. It violated Google's Responsible AI practices."
    ),
    "quota": Refusal(
        429,
        "RESOURCE_EXHAUSTED",
        "Quota exceeded for aiplatform.googleapis.com/online_prediction_requests_per_base_model"
        " with base model: lyria-002.",
    ),
    "internal": Refusal(500, "INTERNAL", "Could not generate audio"),
    "unavailable": Refusal(503, "UNAVAILABLE", "The service is currently unavailable."),
    "denied": Refusal(
        403,
        "PERMISSION_DENIED",
        "Permission 'aiplatform.endpoints.predict' denied on resource"
        f" '//aiplatform.googleapis.com/{_MODEL}' (or it may not exist).",
    ),
    "not_found": not_found(_MODEL),
}
"""What a fault rule's `{"error": NAME}` answers. Nothing of it is paid."""
