"""Ingest's settings."""

from typing import Final

from pydantic import Field, model_validator

from shared.settings import SecretSettings, TargetSettings, comma_set

LOCAL_TENANT: Final = "local"


class Settings(SecretSettings, TargetSettings):
    """See ``docs/operations.md`` for the table of all settings."""

    output_bucket: str = Field(description="Bucket of audio, metadata and clips (OUTPUT)")
    requests_topic: str = Field("track-requests", description="Topic that wakes the generator")
    events_topic: str = Field("track-events", description="Topic of endings")
    progress_topic: str = Field(
        "track-progress", description="Topic of live events and of webhooks that are due"
    )
    signing_account: str = Field(description="Service account whose key signs audio URLs")
    iam_endpoint: str = Field(
        "https://iamcredentials.googleapis.com", description="Where signBlob is called"
    )
    cors_origins: str = Field(
        "", description="Origins that browsers may call from, by commas; `*` for any"
    )
    legacy_api_tenant: str = Field(
        "", description="Tenant of `POST /`, which has no key; empty: off in the cloud"
    )
    long_polls: int = Field(
        32, ge=0, description="Requests with `?wait=` that may wait at once; keep below THREADS"
    )
    api_auth: str = Field(
        "off", pattern="^off$", description="`off`: no keys; refused on Cloud Run"
    )

    @model_validator(mode="after")
    def _no_open_api_in_the_cloud(self) -> "Settings":
        if self.k_service and self.api_auth == "off":
            raise ValueError("API_AUTH=off is for the local stack: anybody could spend money here")
        return self

    @property
    def origins(self) -> frozenset[str]:
        """``cors_origins`` as a set."""
        return comma_set(self.cors_origins)
