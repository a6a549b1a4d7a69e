"""What of Motif is left in Cloud Monitoring, by REST: gcloud knows of no objectives."""

from collections.abc import Iterator
from typing import Any, Final

import requests

from deploy.cloud.commands import command
from deploy.cloud.names import Cloud
from deploy.cloud.runner import CommandFailed, Runner

GOOGLE: Final = "https://monitoring.googleapis.com"
_SECONDS: Final = 30
_OURS: Final = "Motif: "
_KINDS: Final = {
    "alerts": ("alertPolicies", _OURS),
    "channels": ("notificationChannels", _OURS),
    "monitored": ("services", "Motif"),
    "objectives": ("services/motif/serviceLevelObjectives", ""),
}
"""Kind -> where they are, and how the display names of ours begin."""


class _NotListed(RuntimeError):
    """Cloud Monitoring has not answered, or not with a list."""


def left(runner: Runner, cloud: Cloud) -> Iterator[str]:
    """Lines that name what is left; what could not be looked at counts as left."""
    try:
        token = runner.ask(command("access token"), sample="")
    except CommandFailed as exc:
        yield f"alerts, channels, objectives: could not be listed ({exc.output.strip()[:200]})"
        return
    for kind, (path, begin) in ({} if runner.dry else _KINDS).items():
        try:
            yield from (f"{kind}: {name}" for name in _listed(token, cloud, path, begin))
        except _NotListed as exc:
            yield f"{kind}: could not be listed ({exc})"


def _listed(token: str, cloud: Cloud, path: str, begin: str) -> Iterator[str]:
    page = ""
    while True:
        found = _page(token, f"{GOOGLE}/v3/projects/{cloud.project}/{path}", page)
        for one in found.get(path.rpartition("/")[2], []):
            if one.get("displayName", "").startswith(begin):
                yield one["name"]
        if not (page := found.get("nextPageToken", "")):
            return


def _page(token: str, url: str, page: str) -> dict[str, Any]:
    bearer = {"Authorization": f"Bearer {token}"}
    try:
        answer = requests.get(url, {"pageToken": page}, headers=bearer, timeout=_SECONDS)
    except requests.RequestException as exc:
        raise _NotListed(type(exc).__name__) from exc
    if answer.status_code == requests.codes.not_found:
        return {}  # the service that had them
    if not answer.ok:
        raise _NotListed(f"{answer.status_code}: {answer.text[:200]}")
    found: dict[str, Any] = answer.json()
    return found
