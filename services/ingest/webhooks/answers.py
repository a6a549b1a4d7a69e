"""What the API answers about webhooks and their secrets; see ``services.ingest.tracks.answers``."""

from typing import Annotated, Any, Final, NotRequired

from typing_extensions import TypedDict

from services.ingest.edge.schemas import OneOf, Shaped, Time, described, links
from services.ingest.tracks.answers import Attempt, WebhookSummary
from services.ingest.webhooks import samples
from shared.rings import Kind
from shared.webhook_body import TrackData
from shared.webhooks import State

_PAGE_LINKS: Final = links("self", "next")
_EVENT_LINKS: Final = links(
    *("self", "redeliver"),
    track="None for a test.",
    endpoint="As soon as something was sent there.",
)


@described
class FullAttempt(Attempt):
    """One POST, with what was answered."""

    answer: str | None
    """The first kilobyte of it."""


@described
class Place(TypedDict):
    """The receiver that a webhook goes to."""

    id: str
    url: str
    """Without its query."""
    state: Annotated[str, OneOf(("enabled", "disabled"))]
    disabled_at: Time | None
    reason: Annotated[str, OneOf(("gone", "failing"))] | None
    """`gone`: it answered 410; `failing`: for 5 days nothing has succeeded."""


@described
class Received(TypedDict):
    """How a webhook was received."""

    next_attempt_at: Time | None
    """Null: the schedule wants none."""
    redelivery_requested_at: Time | None
    attempts: list[FullAttempt]


class WebhookOfTrack(WebhookSummary, Received):
    """The webhook of a track's newest ending."""

    endpoint: Place
    links: Annotated[
        dict[str, str],
        links(
            *("self", "redeliver", "track"),
            event="As soon as there is one.",
            endpoint="As soon as something was sent there.",
        ),
    ]


@described
class Event(TypedDict):
    """An ending that was recorded, and how it was received."""

    webhook_id: str
    type: Annotated[str, OneOf(samples.TYPES)]
    timestamp: Time
    recorded_at: Time | None
    data: Annotated[dict[str, Any], Shaped(TrackData)]
    """As it was sent."""
    state: State
    attempt_count: int
    last_status: int | None
    """Null: no answer."""
    links: Annotated[dict[str, str], _EVENT_LINKS]


class EventDetail(Event, Received):
    """An event with all its attempts."""

    endpoint: Place


@described
class Page(TypedDict):
    """How a list goes on."""

    next: str
    """Send it as `after`, now or later: it is always there."""
    has_more: bool
    """Whether to ask again at once."""
    links: Annotated[dict[str, str], _PAGE_LINKS]


class Events(Page):
    """A part of the list of events, oldest first."""

    events: list[Event]


class TestSent(TypedDict):
    """A test is on its way; `links.self` tells what became of it."""

    webhook_id: str
    type: Annotated[str, OneOf(samples.TYPES)]
    state: State
    links: Annotated[dict[str, str], _EVENT_LINKS]


@described
class EndpointDetail(Place):
    """One receiver: tenant, origin and path, without query."""

    created_at: Time | None
    succeeded_at: Time | None
    """A success, not always the last one."""
    failing_since: Time | None
    links: Annotated[dict[str, str], links("self", "enable")]


class Endpoints(Page):
    """A part of the list of receivers, oldest first."""

    endpoints: list[EndpointDetail]


@described
class SecretDetail(TypedDict):
    """A secret, without its value."""

    id: str
    kind: Kind
    created_at: Time | None
    expires_at: Time | None
    """Null: not foreseen."""
    public_key: NotRequired[str]
    """`whpk_`, of kind `v1a`."""


@described
class SecretMade(SecretDetail):
    """A new secret."""

    secret: NotRequired[str]
    """`whsec_`, of kind `v1`: shown this once."""


class Expiring(TypedDict):
    """An older secret that goes on signing for a while."""

    id: str
    expires_at: Time | None


@described
class SecretRotated(SecretMade):
    """A new secret in the place of the older ones of its kind."""

    expiring: list[Expiring]
    ended: list[str]
    """They sign no more as of now."""


class SecretListed(SecretDetail):
    """A secret of the list."""

    live: bool


class SecretList(TypedDict):
    """Every secret of the last 30 days, newest first."""

    secrets: list[SecretListed]


class PublicKeyDetail(TypedDict):
    """One public key."""

    id: str
    kty: str
    crv: str
    public_key: str
    created_at: Time | None
    expires_at: Time | None


class PublicKeys(TypedDict):
    """All public keys that may have to verify a webhook now."""

    keys: list[PublicKeyDetail]
