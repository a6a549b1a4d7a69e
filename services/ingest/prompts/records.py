"""What is kept of an image for a day: what was seen in it, and nothing of the image itself."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.ports import Collection

KEPT: Final = timedelta(hours=24)
_NAMESPACE: Final = uuid.UUID("0d2b7c52-7f2e-4a5e-9a63-696d61676573")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the model has seen in one tenant's image."""

    tenant: str
    prompt: str
    style: str
    tempo: str
    mood: str
    energy: float
    """0 (still) to 1 (wild)."""
    palette: tuple[str, ...]
    model: str
    created_at: datetime
    expire_at: datetime
    """Firestore deletes such rows some time later (TTL)."""

    def of(self, tenant: str, now: datetime) -> bool:
        """Whether this tenant may still use it."""
        return self.tenant == tenant and self.expire_at > now


IMAGES: Final = Collection("images", Seen)


def image_id(tenant: str, data: bytes) -> str:
    """The same for the same bytes of the same tenant, and no other."""
    digest = hashlib.sha256(data).hexdigest()
    return str(uuid.uuid5(uuid.uuid5(_NAMESPACE, tenant), digest))
