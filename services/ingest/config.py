"""Ingest's settings."""

from ipaddress import ip_address
from typing import Final, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from shared import cdn
from shared.settings import SecretSettings, TargetSettings, comma_set
from shared.tenants import TENANT
from shared.vault import fernets

LOCAL_TENANT: Final = "local"
SPARE_THREADS: Final = 16


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
    audio_delivery: Literal["v4", "cdn"] = Field(
        "v4",
        description="Links to files: `v4` to Cloud Storage, signed through IAM; `cdn` to Cloud CDN",
    )
    cdn_url: str = Field(
        "",
        pattern="^(https?://[^/?#]+)?$",
        description="Where Cloud CDN serves OUTPUT, such as `https://media.example.com`",
    )
    cdn_keys: SecretStr = Field(
        SecretStr(""),
        description="`NAME:KEY` (16 bytes as base64url), newest first, by blanks or commas, that"
        " the backend bucket has, too; the first signs",
    )
    cors_origins: str = Field(
        "", description="Origins that browsers may call from, by commas; `*` for any"
    )
    legacy_api_tenant: str = Field(
        "", description="Tenant of `POST /`, which has no key; empty: off in the cloud"
    )
    lyria_quota_per_minute: int = Field(
        10, ge=1, description="Calls of the model that the project may make in a minute"
    )
    gemini_model: str = Field(
        "gemini-3.5-flash-lite", description="Model that looks at the images of `/v1/prompts`"
    )
    gemini_location: str = Field("global", description="Vertex AI location of that model")
    gemini_endpoint: str = Field(
        "",
        pattern="^(https?://.+)?$",
        description="Base URL of Vertex AI for images; empty: that of `GEMINI_LOCATION`",
    )
    images_per_day: int = Field(
        500,
        ge=1,
        description="New images that one tenant may have looked at in a day; nobody is billed"
        " for a look",
    )
    images_per_minute: int = Field(
        20, ge=1, description="New images that one tenant may have looked at in a minute"
    )
    ingest_threads: int = Field(
        256,
        ge=1,
        description="gunicorn's threads here, one for each request in flight; a WebSocket takes"
        " a second one of its own",
    )
    streams: int = Field(
        200, ge=0, description="Server-Sent Events and WebSockets at once; beyond: 503"
    )
    long_polls: int = Field(
        32, ge=0, description="Requests with `?wait=` that may wait at once; beyond: answered"
    )
    api_auth: Literal["on", "off"] = Field(
        "on", description="`off`: no keys, everybody is tenant `local`; refused on Cloud Run"
    )
    session_keys: SecretStr = Field(
        SecretStr(""),
        description="Keys (32 bytes as base64), newest first, by blanks or commas, that Studio"
        " sessions are sealed under; required on Cloud Run",
    )

    trusted_proxies: str = Field(
        "",
        description="Addresses of our own load balancers, by commas: behind them the caller is the"
        " one before in `X-Forwarded-For`",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_addresses(cls, value: str) -> str:
        for address in comma_set(value):
            ip_address(address)
        return value

    @field_validator("cdn_keys")
    @classmethod
    def _cdn_keys_fit(cls, value: SecretStr) -> SecretStr:
        cdn.read_keys(value.get_secret_value())
        return value

    @field_validator("session_keys")
    @classmethod
    def _session_keys_fit(cls, value: SecretStr) -> SecretStr:
        fernets(value.get_secret_value())
        return value

    @field_validator("legacy_api_tenant")
    @classmethod
    def _tenant_can_be(cls, value: str) -> str:
        if value and not TENANT.fullmatch(value):
            raise ValueError("a tenant is 1 to 63 of a-z, 0-9 and - (not first)")
        return value

    @model_validator(mode="after")
    def _no_open_api_in_the_cloud(self) -> "Settings":
        if self.k_service and self.api_auth == "off":
            raise ValueError("API_AUTH=off is for the local stack: anybody could spend money here")
        if self.k_service and not fernets(self.session_keys.get_secret_value()):
            raise ValueError("SESSION_KEYS is missing: no instance could open another's sessions")
        return self

    @model_validator(mode="after")
    def _cdn_can_be_linked_to(self) -> "Settings":
        if self.audio_delivery == "cdn":
            if not (self.cdn_url and self.link_keys):
                raise ValueError("AUDIO_DELIVERY=cdn needs CDN_URL and CDN_KEYS")
            if self.k_service and not self.cdn_url.startswith("https://"):
                raise ValueError("CDN_URL must be https: a link lets in whoever sees it")
        return self

    @model_validator(mode="after")
    def _calls_find_a_thread(self) -> "Settings":
        if self.streams + self.long_polls + SPARE_THREADS > self.ingest_threads:
            raise ValueError(
                f"INGEST_THREADS must exceed STREAMS and LONG_POLLS by {SPARE_THREADS}:"
                " all other calls, and the probes, share what is left"
            )
        return self

    @property
    def link_keys(self) -> tuple[cdn.Key, ...]:
        """``cdn_keys``, read."""
        return cdn.read_keys(self.cdn_keys.get_secret_value())

    @property
    def proxies(self) -> frozenset[str]:
        """``trusted_proxies`` as a set, each as a proxy writes it."""
        return frozenset(str(ip_address(address)) for address in comma_set(self.trusted_proxies))

    @property
    def origins(self) -> frozenset[str]:
        """``cors_origins`` as a set."""
        return comma_set(self.cors_origins)
