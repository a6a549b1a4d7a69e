"""The generator's settings."""

from dataclasses import replace
from typing import Literal

from pydantic import Field

from shared.settings import PushSettings
from shared.timing import Timing


class Settings(PushSettings):
    """See ``docs/operations.md`` for the table of all settings."""

    input_bucket: str = Field(description="Bucket of requests, inbox and reports (PROMPTS)")
    output_bucket: str = Field(description="Bucket of audio, metadata and clips (OUTPUT)")
    requests_topic: str = Field("track-requests", description="Topic that wakes the generator")
    events_topic: str = Field("track-events", description="Topic of endings")
    progress_topic: str = Field(
        "track-progress", description="Topic of live events and of webhooks that are due"
    )
    vertex_endpoint: str = Field(
        "", description="Base URL of Vertex AI; empty: the region's own endpoint"
    )
    lyria_location: str = Field("", description="Location of the model; empty: GCP_REGION")
    lyria_model: Literal["lyria-002"] = Field("lyria-002", description="Model id")
    model_label: str = Field(
        "", description="What files and metadata call the model; empty: LYRIA_MODEL"
    )
    work_slots: int = Field(
        4, ge=1, le=80, description="Tracks an instance works on at once (calls and mastering)"
    )

    lyria_quota_per_minute: int = Field(
        10, ge=1, description="Calls of the model that the project may make in a minute"
    )
    model_calls: int = Field(8, ge=1, description="Calls of the model in flight in an instance")
    refusals_seconds: int = Field(
        3600, ge=60, description="So long nothing but 5xx of the model, and a track fails"
    )

    @property
    def location(self) -> str:
        """The model's location."""
        return self.lyria_location or self.gcp_region

    def timing(self) -> Timing:
        """The time chain, with the patience that is set; see ``CommonSettings``."""
        return replace(super().timing(), refusals=self.refusals_seconds * self.time_scale)

    @property
    def endpoint(self) -> str:
        """The model's endpoint, as a URL."""
        return self.vertex_endpoint or f"https://{self.location}-aiplatform.googleapis.com"
