"""What the API answers about a tenant as a whole; see ``services.ingest.tracks.answers``."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from services.ingest.edge.schemas import OneOf, described
from services.ingest.tracks import catalog
from services.ingest.tracks.answers import Format, Style, TrackState
from services.ingest.webhooks.answers import Page


class TrackList(Page):
    """A part of the list of tracks, newest first."""

    tracks: list[TrackState]


class Range(TypedDict):
    """From `min` to `max`, both included."""

    min: int
    max: int


class Seconds(Range):
    """How long a track may be."""

    default: int


class Tempos(TypedDict):
    """A word, or beats per minute."""

    words: list[str]
    bpm: Range


@described
class ModelDetail(TypedDict):
    """What a model can, and costs."""

    id: str
    default: bool
    clip_seconds: float
    """What one call of it gives; a track is made of such clips."""
    overlap_seconds: float
    """So much of two neighbouring clips a join takes at most."""
    loop_seconds: float
    """What a loop needs beyond its length."""
    sample_rate: int
    channels: int
    seconds: Seconds
    prompt_characters: Range
    styles: list[Style]
    tempos: Tempos
    formats: list[Format]
    bit_depths: list[Annotated[int, OneOf(catalog.BIT_DEPTHS)]]
    takes_seed: bool
    takes_negative_prompt: bool
    price_usd_per_clip: float
    quota_per_minute: int
    """Clips that can be made in a minute, for all tenants together."""


class Models(TypedDict):
    """All models, the default first."""

    models: list[ModelDetail]


@described
class UsageDay(TypedDict):
    """One day, in US dollars."""

    date: Annotated[str, Field(json_schema_extra={"format": "date"})]
    tracks: int
    billed_usd: float
    reserved_usd: float
    """Quotes of tracks that have not ended."""
    cap_usd: float | None
    left_usd: float | None


class Usage(TypedDict):
    """What a tenant has used."""

    tenant: str
    currency: Annotated[str, OneOf(("USD",))]
    cap_usd: float | None
    days: list[UsageDay]


@described
class SessionState(TypedDict):
    """Whether somebody is signed in to the Studio in this browser."""

    auth: Annotated[str, OneOf(("on", "off"))]
    signed_in: bool
    tenant: str | None
    csrf: str | None
    """To be sent as `X-CSRF-Token` with every write."""
