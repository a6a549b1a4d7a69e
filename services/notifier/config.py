"""The notifier's settings."""

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from services.notifier import signing
from shared.settings import PushSettings, comma_set


class Settings(PushSettings):
    """See ``docs/operations.md`` for the table of all settings."""

    # A refused secret would stand in the error, and so in the log.
    model_config = SettingsConfigDict(hide_input_in_errors=True)

    public_url: str = Field(
        pattern="^https?://", description="Base URL that clients reach the API under"
    )
    webhook_secret: SecretStr = Field(
        description="`whsec_` secrets that sign webhooks, newest first, separated by blanks"
    )
    webhook_allowed_targets: str = Field(
        "", description="Origins (scheme://host:port, by commas) that may be called without TLS"
    )
    webhook_time_scale: float = Field(
        1.0, gt=0, description="Multiplies the schedule of webhook attempts, floors included"
    )

    @field_validator("webhook_secret")
    @classmethod
    def _secret_can_sign(cls, value: SecretStr) -> SecretStr:
        signing.keys(value.get_secret_value())
        return value

    @property
    def base_url(self) -> str:
        """``public_url`` without a trailing slash."""
        return self.public_url.rstrip("/")

    @property
    def keys(self) -> signing.Keys:
        """``webhook_secret`` as keys."""
        return signing.keys(self.webhook_secret.get_secret_value())

    @property
    def allowed_targets(self) -> frozenset[str]:
        """``webhook_allowed_targets`` as a set."""
        return comma_set(self.webhook_allowed_targets)
