"""Every failure Motif can name: a stable code word for API, log and metric alike.

    MotifError
    ├── PermanentError     trying again cannot help: an answer 4xx, or the track ends with it
    │   ├── Malformed          a push request that is no event we know (400, dead letter)
    │   ├── Unauthenticated    no token, or one that proves nothing (401)
    │   └── Forbidden          a good token of somebody else (403)
    └── RetryableError     later may be better: an answer 503, or the track is parked
        ├── StoreUnavailable   Firestore did not answer
        └── StorageUnavailable Cloud Storage did not answer

``CommitUnclear`` stands apart: it is no failure, only an order to read again.
"""

from enum import StrEnum


class Code(StrEnum):
    """The codes a track can end with, or be parked for: ``error.code`` in the API."""

    PROMPT_BLOCKED = "prompt_blocked"
    PROMPT_RECITATION = "prompt_recitation"
    PROMPT_LANGUAGE = "prompt_language"
    MODEL_QUOTA = "model_quota"
    MODEL_UNAVAILABLE = "model_unavailable"
    MODEL_TIMEOUT = "model_timeout"
    MODEL_REJECTED = "model_rejected"
    AUDIO_SILENT = "audio_silent"
    AUDIO_CLIPPED = "audio_clipped"
    AUDIO_INVALID = "audio_invalid"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    CANCELLED = "cancelled"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    INTERNAL = "internal"


class MotifError(Exception):
    """A failure with a code word; the text is for people and holds no secret and no prompt."""

    code: str = Code.INTERNAL

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code or type(self).code


class PermanentError(MotifError):
    """Trying the same again cannot succeed."""

    code = "refused"


class Malformed(PermanentError):
    """A request that is no event, or no message, that we know."""

    code = "malformed_event"


class Unauthenticated(PermanentError):
    """The caller has not shown who it is."""

    code = "unauthenticated"


class Forbidden(PermanentError):
    """The caller is known, and may not do this."""

    code = "forbidden"


class RetryableError(MotifError):
    """The same may succeed later."""

    code = "unavailable"


class StoreUnavailable(RetryableError):
    """Firestore did not answer, or refused for now."""

    code = "store_unavailable"


class StorageUnavailable(RetryableError):
    """Cloud Storage did not answer, or refused for now."""

    code = Code.STORAGE_UNAVAILABLE


class CommitUnclear(Exception):
    """A commit's precondition failed, or its answer was lost: no verdict, read again.

    The client library repeats lost commits by itself, so our own write can come back as a
    failed precondition; only the document tells.
    """
