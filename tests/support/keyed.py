"""Ingest that asks for keys, and the tenants that hold some."""

from typing import Any

from flask.testing import FlaskClient

from services.ingest.identity.keys import NewKey, new_key
from services.ingest.identity.registry import Registry
from tests.support.api import Api

SESSION_KEY = "c2Vzc2lvbiBrZXkgb2YgdGhlIHRlc3RzOiAzMiBieXQ="


class Keyed:
    """The API of one project with ``API_AUTH=on``; an app of its own remembers nothing yet."""

    def __init__(self, api: Api, **changes: Any) -> None:
        self.api = api
        self.registry = Registry(api.store)
        known = {"api_auth": "on", "session_keys": SESSION_KEY}
        self.app = api.make(**(known | changes))

    def key(self, tenant: str, **limits: Any) -> NewKey:
        """One more key of a tenant."""
        key = new_key("test")
        self.registry.add_key(tenant, key, limits)
        return key

    def client(self, key: NewKey | None = None) -> FlaskClient:
        """Somebody who shows *key* with each request; nobody's by default."""
        client = self.app.test_client()
        if key:
            client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key.text}"
        return client
