"""The notifier's settings."""

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from services.notifier import signing
from shared.settings import PushSettings, SecretSettings, TargetSettings


class Settings(PushSettings, SecretSettings, TargetSettings):
    """See ``docs/operations.md`` for the table of all settings."""

    # A refused secret would stand in the error, and so in the log.
    model_config = SettingsConfigDict(hide_input_in_errors=True)

    webhook_time_scale: float = Field(
        1.0, gt=0, description="Multiplies the schedule of webhook attempts, floors included"
    )

    @field_validator("webhook_secret")
    @classmethod
    def _secret_can_sign(cls, value: SecretStr) -> SecretStr:
        if value:
            signing.keys(value.get_secret_value())
        return value

    @property
    def base_url(self) -> str:
        """``public_url`` without a trailing slash."""
        return self.public_url.rstrip("/")
