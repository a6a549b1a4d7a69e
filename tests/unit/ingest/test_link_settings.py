from typing import Any

import pytest
from pydantic import ValidationError

from services.ingest.config import Settings

KEY = "nZtRohdNF9m3cKM24IcK4w=="
KNOWN: dict[str, Any] = {
    "gcp_project": "p",
    "output_bucket": "o",
    "public_url": "https://api.example",
    "signing_account": "a",
}
CDN = KNOWN | {
    "audio_delivery": "cdn",
    "cdn_url": "https://media.example",
    "cdn_keys": f"new:{KEY} old:AAAAAAAAAAAAAAAAAAAAAA==",
}
ON_CLOUD_RUN = {
    "k_service": "motif-ingest",
    "session_keys": "bWFpbiBrZXkgb2YgdGhlIHRlc3RzOiAzMiBieXRlcyE=",
    "webhook_main_keys": "bWFpbiBrZXkgb2YgdGhlIHRlc3RzOiAzMiBieXRlcyE=",
}


def test_links_lead_to_cloud_storage_unless_one_setting_says_otherwise() -> None:
    assert Settings(**KNOWN).audio_delivery == "v4"
    assert Settings(**(CDN | {"audio_delivery": "v4"})).audio_delivery == "v4"
    assert Settings(**(CDN | ON_CLOUD_RUN)).link_keys[0].name == "new"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"cdn_url": ""}, "needs CDN_URL and CDN_KEYS"),
        ({"cdn_keys": " , "}, "needs CDN_URL and CDN_KEYS"),
        ({"cdn_url": "https://media.example/"}, "should match pattern"),
        ({"cdn_url": "media.example"}, "should match pattern"),
        ({"cdn_keys": KEY}, "is not NAME:KEY"),
        ({"audio_delivery": "v2"}, "'v4' or 'cdn'"),
        ({"cdn_url": "http://media.example", **ON_CLOUD_RUN}, "must be https"),
    ],
)
def test_a_cdn_that_cannot_work_is_no_start(changes: dict[str, str], why: str) -> None:
    with pytest.raises(ValidationError, match=why) as caught:
        Settings(**(CDN | changes))
    assert KEY not in str(caught.value)
