"""Whom ingest believes what it says of callers."""

import pytest
from pydantic import ValidationError

from services.ingest.config import Settings
from tests.unit.ingest.test_link_settings import KNOWN


def test_proxies_are_addresses_however_they_are_written() -> None:
    told = Settings(**KNOWN, trusted_proxies=" 203.0.113.9, 2001:DB8:0:0::9,").proxies
    assert told == {"203.0.113.9", "2001:db8::9"}
    assert Settings(**KNOWN).proxies == frozenset()


@pytest.mark.parametrize("wrong", ["lb.example", "203.0.113.0/24", "203.0.113.9:443", "*"])
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="trusted_proxies"):
        Settings(**KNOWN, trusted_proxies=wrong)
