"""Every call that the document describes, in its order."""

from typing import Final

from services.ingest.openapi import (
    list_calls,
    prompt_calls,
    service_calls,
    track_calls,
    webhook_calls,
)

CALLS: Final = (
    *track_calls.CALLS,
    *prompt_calls.CALLS,
    *list_calls.CALLS,
    *webhook_calls.CALLS,
    *service_calls.CALLS,
)
