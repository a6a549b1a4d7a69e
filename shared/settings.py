"""Settings that more than one service has; each field is one environment variable."""

from functools import cached_property
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.auth import PushAuth
from shared.targets import Targets
from shared.timing import Timing
from shared.vault import Vault


class CommonSettings(BaseSettings):
    """Read once at start-up, never changed; ``GCP_PROJECT`` is field ``gcp_project``."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    gcp_project: str = Field(description="Google Cloud project id")
    gcp_region: str = Field("us-central1", description="Region of buckets, triggers and services")
    firestore_database: str = Field("(default)", description="Firestore database id")
    log_level: str = Field("INFO", description="Lowest severity that is logged")
    time_scale: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Multiplies lease, renewal, backoff and sweep period together (fault tests)",
    )
    otlp_endpoint: str = Field(
        "",
        pattern="^(https?://[^/?#]+/?)?$",
        description="Base URL that spans and metrics are exported to, such as"
        " `https://telemetry.googleapis.com`; empty: nowhere",
    )
    trace_share: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the traces that are exported, of those whose caller has not chosen"
        " by a `traceparent`",
    )
    k_service: str = Field("", description="Set by Cloud Run; never set it yourself")

    def timing(self) -> Timing:
        """The scaled time chain.

        Raises:
            ValueError: the chain does not hold, or would be scaled in the cloud.
        """
        if self.k_service and self.time_scale != 1:
            raise ValueError("TIME_SCALE is for tests: in the cloud leases have their full length")
        return Timing().scaled(self.time_scale).check()


class SecretSettings(CommonSettings):
    """What a service needs that makes webhook secrets, or signs with them."""

    webhook_secret: SecretStr = Field(
        SecretStr(""),
        description="`whsec_` secrets, newest first, by blanks, of tenants that have none"
        " of their own",
    )
    webhook_main_keys: SecretStr = Field(
        SecretStr(""),
        description="Main keys (32 bytes as base64), newest first, by blanks or commas, that"
        " webhook secrets are sealed under; required on Cloud Run",
    )

    @field_validator("webhook_main_keys")
    @classmethod
    def _main_keys_fit(cls, value: SecretStr) -> SecretStr:
        Vault(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _secrets_are_kept_in_the_cloud(self) -> Self:
        if self.k_service and Vault(self.webhook_main_keys.get_secret_value()).shut:
            raise ValueError("WEBHOOK_MAIN_KEYS is missing: webhook secrets could not be stored")
        return self


class TargetSettings(CommonSettings):
    """What a service needs that judges the targets of webhooks."""

    public_url: str = Field(
        pattern="^https?://", description="Base URL that clients reach the API under"
    )
    webhook_allowed_targets: str = Field(
        "",
        description="Targets of webhooks that may do without TLS, public address and usual port:"
        " `host`, `host:port`, addresses and CIDR blocks, by commas",
    )
    webhook_refused_hosts: str = Field(
        "",
        description="Our services' own hosts, by commas, `*` for any part: no webhook goes there,"
        " nor to the host of `PUBLIC_URL`, unless it is an allowed target",
    )

    @cached_property
    def targets(self) -> Targets:
        """Both lists, read."""
        own = urlsplit(self.public_url).hostname or ""
        return Targets(self.webhook_allowed_targets, f"{self.webhook_refused_hosts},{own}")

    @model_validator(mode="after")
    def _targets_can_be_read(self) -> Self:
        assert self.targets  # noqa: S101 - made here, so that it fails at start
        return self


class PushSettings(CommonSettings):
    """What a service needs that takes pushes and sweeps."""

    push_auth: Literal["verify", "platform"] = Field(
        "verify",
        description="`verify`: check each token here; `platform`: Cloud Run's IAM has checked it",
    )
    push_audience: str = Field("", description="Audience that tokens must carry in mode `verify`")
    push_accounts: str = Field(description="Accounts that may push and sweep, separated by commas")
    oidc_certs_url: str = Field(
        "https://www.googleapis.com/oauth2/v1/certs", description="Certificates of token issuers"
    )

    def auth(self) -> PushAuth:
        """The check of every push and sweep.

        Raises:
            ValueError: these settings would let in nobody, or everybody.
        """
        return PushAuth(
            mode=self.push_auth,
            audience=self.push_audience,
            accounts=comma_set(self.push_accounts),
            certs_url=self.oidc_certs_url,
            on_cloud_run=bool(self.k_service),
        )


def comma_set(text: str) -> frozenset[str]:
    """A comma-separated setting as a set."""
    return frozenset(part.strip() for part in text.split(",") if part.strip())
