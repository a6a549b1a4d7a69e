from typing import Any

import pytest
from pydantic import ValidationError

from services.notifier.config import Settings
from shared.targets import TargetNotAllowed

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
    made = settings(webhook_allowed_targets="127.0.0.1:1, [::1]:2,")
    made.targets.check("http://[::1]:2/")
    assert made.targets is made.targets
    assert made.base_url == "https://api.example"
    assert settings(webhook_secret=f"{SECRET} {SECRET}").webhook_secret
    assert not settings(webhook_secret="").webhook_secret


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook_secret": "whsec_c2hvcnQ="},
        {"webhook_secret": " "},
        {"webhook_time_scale": 0},
        {"public_url": "api.example"},
        {"webhook_allowed_targets": "http://127.0.0.1:8091"},
        {"webhook_allowed_targets": "10.0.0.1/8"},
        {"webhook_refused_hosts": "https://x.example"},
    ],
)
def test_what_cannot_work_is_refused_at_start(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**changes)


def test_webhooks_never_come_back_to_us() -> None:
    targets = settings(webhook_refused_hosts="*.motif.run.app").targets
    for host in ("api.example", "API.example:8443", "x.motif.run.app"):
        with pytest.raises(TargetNotAllowed, match="this service"):
            targets.check(f"https://{host}/")
    targets.check("https://hooks.example/")


def test_a_secret_is_never_shown() -> None:
    assert SECRET not in repr(settings())
    with pytest.raises(ValidationError) as refusal:
        settings(webhook_secret="whsk_not-to-be-seen")
    assert "not-to-be-seen" not in str(refusal.value)
