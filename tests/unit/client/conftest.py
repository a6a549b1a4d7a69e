from collections.abc import Iterator

import pytest

from motif import Client
from tests.support.scripted import Scripted, scripted

KEY = "mk_test_id_secret"


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MOTIF_URL", "MOTIF_API_KEY", "MOTIF_WEBHOOK_SECRET"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def api() -> Iterator[Scripted]:
    with scripted() as server:
        yield server


@pytest.fixture
def client(api: Scripted) -> Iterator[Client]:
    with Client(api.url, KEY, timeout=10) as made:
        yield made
