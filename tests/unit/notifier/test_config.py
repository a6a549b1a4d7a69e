from typing import Any

import pytest
from pydantic import ValidationError

from services.notifier.config import Settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def settings(**changes: Any) -> Settings:
    fields = {
        "gcp_project": "p",
        "push_accounts": "a@example.com",
        "push_audience": "x",
        "public_url": "https://api.example/",
        "webhook_secret": SECRET,
    }
    return Settings(**(fields | changes))


def test_lists_and_slashes() -> None:
    made = settings(webhook_allowed_targets="http://127.0.0.1:1, http://[::1]:2,")
    assert made.allowed_targets == {"http://127.0.0.1:1", "http://[::1]:2"}
    assert made.base_url == "https://api.example"
    assert len(settings(webhook_secret=f"{SECRET} {SECRET}").keys) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook_secret": "whsec_c2hvcnQ="},
        {"webhook_secret": " "},
        {"webhook_time_scale": 0},
        {"public_url": "api.example"},
    ],
)
def test_what_cannot_work_is_refused_at_start(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**changes)


def test_a_secret_is_never_shown() -> None:
    assert SECRET not in repr(settings())
    with pytest.raises(ValidationError) as refusal:
        settings(webhook_secret="whsk_not-to-be-seen")
    assert "not-to-be-seen" not in str(refusal.value)
