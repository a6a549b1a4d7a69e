"""Webhooks as the notifier signs them, for those who verify."""

import time

from services.notifier import signing
from shared.rings import Kind

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
PRIVATE = (
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
)
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
BODY = b'{"type":"track.completed","timestamp":"2026-01-02T03:04:05Z","data":{"request_id":"r1"}}'


def signed(
    secrets: str = SECRET, *, webhook_id: str = "msg_1", age: int = 0, body: bytes = BODY
) -> dict[str, str]:
    """The headers of *body*, made *age* seconds ago, with one signature per secret."""
    keys = tuple(
        signing.key(one, Kind.V1A if one.startswith("whsk_") else Kind.V1)
        for one in secrets.split()
    )
    return signing.headers(keys, webhook_id, int(time.time()) - age, body)
