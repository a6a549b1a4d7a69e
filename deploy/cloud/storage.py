"""Cloud Storage's JSON API as far as checks need it: the same here and there."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import requests

GOOGLE: Final = "https://storage.googleapis.com"
_SECONDS: Final = 30


class Storage:
    """Reads buckets, policies and lists; methods raise what requests raises."""

    def __init__(self, session: requests.Session, base: str = GOOGLE) -> None:
        """*session* signs its calls where the server at *base* wants that."""
        self._session = session
        self._base = f"{base}/storage/v1/b"

    def bucket(self, name: str) -> dict[str, Any] | None:
        """The bucket's settings; None if there is no such bucket."""
        answer = self._session.get(f"{self._base}/{quote(name)}", timeout=_SECONDS)
        if answer.status_code == requests.codes.not_found:
            return None
        return _json(answer)

    def policy(self, name: str) -> dict[str, Any]:
        """Who may do what with it."""
        query = {"optionsRequestedPolicyVersion": "3"}
        url = f"{self._base}/{quote(name)}/iam"
        return _json(self._session.get(url, params=query, timeout=_SECONDS))

    def names(self, bucket: str, prefix: str) -> Iterator[str]:
        """Live objects whose names begin with *prefix*, at most a thousand."""
        url = f"{self._base}/{quote(bucket)}/o"
        query = {"prefix": prefix, "fields": "items(name)"}
        found = _json(self._session.get(url, params=query, timeout=_SECONDS))
        return (item["name"] for item in found.get("items", []))


def _json(answer: requests.Response) -> dict[str, Any]:
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found
