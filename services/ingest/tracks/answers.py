"""What the API answers about tracks: the types that views return and the document describes.

Each docstring here is part of the published description.
"""

from typing import Annotated, Any, Final, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from services.ingest.edge.schemas import Id, Link, OneOf, Shaped, Time, described, links
from services.ingest.tracks import catalog
from shared.messages import ErrorInfo
from shared.track import Park, Stage, Status

Format = Annotated[str, OneOf(catalog.FORMATS)]
Style = Annotated[str, OneOf(catalog.STYLES)]
TRACK_LINKS: Final = links(
    *("self", "events", "stream", "cancel", "retry", "waveform", "spectrogram", "metadata"),
    **{f"audio_{name}": f"Where {name} was asked for." for name in catalog.FORMATS},
    webhook="With a callback.",
    redeliver="With a callback.",
)


class Parameters(TypedDict):
    """The request with its defaults: it can be sent again as it stands."""

    prompt: str
    style: Style
    tempo: int | str
    duration_seconds: float
    negative_prompt: str
    seed: int | None
    formats: list[Format]
    loudness_lufs: float | None
    loop: bool
    bit_depth: Annotated[int, OneOf(catalog.BIT_DEPTHS)]
    priority: Annotated[str, OneOf(catalog.PRIORITIES)]
    callback_events: list[Annotated[str, OneOf(catalog.EVENTS)]]
    metadata: dict[str, str]
    model: str


@described
class Eta(TypedDict):
    """When a track is likely to have ended."""

    queue_position: int | None
    """How many tracks are before it; null: somebody works on it."""
    p50: Time
    """Every second track ends before this."""
    p90: Time
    """Nine in ten end before this."""


@described
class Accepted(TypedDict):
    """The answer to a submit; a repeat under the same Idempotency-Key gets the same."""

    request_id: Id
    status: Annotated[Status, OneOf((Status.QUEUED,))]
    message: str
    model: str
    created_at: Time
    estimated_completion: Time
    """The `p50` of `eta`."""
    eta: Eta
    """As it was reckoned at the submit."""
    quote_usd: float
    """What the track costs at most, in US dollars."""
    parameters: Parameters
    links: Annotated[dict[str, str], TRACK_LINKS]


class Requeued(Accepted):
    """The answer to a retry: as that to a submit, counted from now on."""

    run: int


class LegacyParameters(TypedDict):
    """What the first service echoed."""

    style: str
    duration_seconds: float
    tempo: str


class Legacy(TypedDict):
    """The first service's answer, to the letter."""

    request_id: Id
    status: Annotated[Status, OneOf((Status.QUEUED,))]
    message: str
    estimated_completion: str
    model: str
    parameters: LegacyParameters


class LegacyError(TypedDict):
    """The first service's error."""

    error: str


class Timings(TypedDict):
    """Each moment is null until it has come."""

    created_at: Time
    queued_at: Time | None
    started_at: Time | None
    ended_at: Time | None
    deadline: Time


@described
class Measures(TypedDict):
    """What all files of a track have in common; each is null until it is known."""

    duration_seconds: float | None
    sample_rate: int | None
    channels: int | None
    loudness_lufs: float | None
    """Integrated loudness (EBU R128)."""
    loudness_range_lu: float | None
    true_peak_dbtp: float | None
    loudness_limited: bool | None
    """The target would have taken more than 6 dB of limiting: the track stayed quieter."""


@described
class AudioFile(Measures):
    """One file that can be fetched now."""

    format: Format
    mime_type: str
    size_bytes: int
    crc32c: str
    """Base64 of the big-endian CRC32C."""
    sha256: str | None
    """Hexadecimal."""
    href: Link


class Tempo(TypedDict):
    """How fast it sounds."""

    bpm: float
    confidence: Annotated[float, Field(ge=0, le=1)]


class Key(TypedDict):
    """What key it is in, as far as can be told."""

    name: str
    confidence: Annotated[float, Field(ge=0, le=1)]
    estimated: bool


@described
class Sound(Measures):
    """What was measured on the finished samples."""

    bit_depth: Annotated[int, OneOf(catalog.BIT_DEPTHS)]
    tempo: Tempo | None
    """Null where no beat is clear."""
    key: Key | None
    """Null where none is clear."""
    clips: int
    """How many clips it was made of."""
    seed: int | None
    """Sent with the same request, it makes the same track."""
    seeds: list[int]


@described
class Cost(TypedDict):
    """In US dollars."""

    quote_usd: float
    clips: int
    """What the track takes."""
    billed_usd: float
    provider_calls: int


@described
class Attempt(TypedDict):
    """One POST of a webhook, as it went."""

    number: int
    started_at: Time
    milliseconds: int
    status: int | None
    """The receiver's HTTP status; null: no answer."""
    code: str | None
    """Why there was none, or what it meant."""
    redelivery: bool


@described
class WebhookSummary(TypedDict):
    """Which webhook, and how it fared."""

    webhook_id: str | None
    """As the receiver gets it; null until the track has ended."""
    type: str | None
    state: str
    """`waiting`, `skipped`, `pending`, `held`, `delivered`, `exhausted` or `expired`."""


class WebhookBlock(WebhookSummary):
    """`webhook` of a track."""

    next_attempt_at: Time | None
    attempts: list[Attempt]


@described
class TrackState(TypedDict):
    """A track as a list shows it."""

    request_id: Id
    status: Status
    stage: Annotated[Stage, OneOf(tuple(stage for stage in Stage if stage))] | None
    """What a running track is at."""
    progress: Annotated[float, Field(ge=0, le=1)]
    """Never goes back within a run."""
    waiting_for: Annotated[Park, OneOf(tuple(park for park in Park if park))] | None
    """What the track waits for; null: for nothing."""
    run: int
    model: str
    parameters: Parameters
    image_id: Id | None
    """Of the image that prompt, style or tempo come from; null: of none."""
    timings: Timings
    audio: list[AudioFile]
    """The files that can be fetched now."""
    sound: Sound | None
    """Null until the track is completed."""
    error: Annotated[dict[str, Any], Shaped(ErrorInfo)] | None
    """Null unless it ended without audio."""
    cost: Cost
    links: Annotated[dict[str, str], TRACK_LINKS]


@described
class TrackDetail(TrackState):
    """The whole state of a track."""

    webhook: WebhookBlock | None
    """Null without a callback."""
    eta: Eta | None
    """Null once the track has ended."""


@described
class Cancelled(TypedDict):
    """What became of a cancel."""

    request_id: Id
    result: Annotated[str, OneOf(("cancelled", "cancelling", "already_finished"))]
    """`cancelling`: a worker has it, and will stop before the next paid call."""


class FieldError(TypedDict):
    """One of several wrong fields."""

    field: NotRequired[str]
    code: str
    detail: str
    cure: NotRequired[str]


@described
class Problem(TypedDict):
    """RFC 9457: every failure of the API but those of `POST /`."""

    type: str
    """Where the code is explained."""
    title: str
    status: int
    detail: str
    code: str
    """A stable word to branch on."""
    field: NotRequired[str]
    """The field, parameter or header that is wrong."""
    cure: NotRequired[str]
    """What helps."""
    errors: NotRequired[list[FieldError]]
    """All that is wrong with the request, twenty at most."""
    request_id: str
    """Of this HTTP request, as in `X-Request-Id`."""
