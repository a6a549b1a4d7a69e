"""Dashboards, alerts and objectives name only metrics that we tell or that Google documents."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy.checks.fault import Fault, refuse
from deploy.checks.tools import ROOT
from shared.signals import SIGNALS

FOLDER: Final = ROOT / "deploy" / "monitoring"
USERS: Final = (
    FOLDER / "alerts.json",
    FOLDER / "dashboard.json",
    ROOT / "deploy" / "terraform" / "monitoring.tf",
)
_FIELDS: Final = {signal.message: set(signal.fields) for signal in SIGNALS}
_QUERY: Final = re.compile(r"([A-Za-z_:][\w:]*)\{([^{}]*)\}")
_BARE: Final = re.compile(r"\b(\w+_googleapis_com:\w++)(?!\{)")
_FILTER: Final = re.compile(
    r"\b((?:\w+\.)+googleapis\.com)/([\w/]+)|\$\{local\.user_metric\}/(\w+)"
)
_OURS: Final = "logging_googleapis_com:user_motif_"
_SUFFIX: Final = re.compile(r"_(?:count|sum|bucket)$")
_ALWAYS: Final = {"monitored_resource", "project_id", "location", "service_name", "revision_name"}
_LOGS: Final = "logging.googleapis.com"


def check() -> str:
    """Compares what is asked for with the signals, and with Google's list. Raises Fault."""
    told: dict[str, Any] = json.loads((FOLDER / "metrics.json").read_text())
    google: dict[str, str] = json.loads((FOLDER / "google_metrics.json").read_text())
    faults = [f"metrics.json: {fault}" for fault in _untold(told)]
    faults += [f"{it}: no page of Google's" for it, url in google.items() if not _is_googles(url)]
    used = 0
    for path in USERS:
        asked = list(_asked(path.read_text()))
        used += len(asked)
        faults += [f"{path.name}: {it}" for one in asked for it in _unknown(*one, told, google)]
    if not used:
        raise Fault("no dashboard and no alert asks for a metric", "They are in deploy/monitoring.")
    refuse(
        faults, "Ask for what shared/signals.py tells, or add Google's page to google_metrics.json."
    )
    return f"{used} uses of {len(told)} metrics of ours and {len(google)} of Google's"


def _untold(told: Mapping[str, Any]) -> Iterator[str]:
    """What metrics from logs read that no signal tells."""
    for name, metric in told.items():
        if "message" not in metric:
            continue
        if metric["message"] not in _FIELDS:
            yield f"{name}: no signal is called {metric['message']!r}"
            continue
        read = {*metric["labels"], *re.findall(r"jsonPayload\.(\w+)", metric.get("only", ""))}
        read |= {metric["value"]} if "value" in metric else set()
        for field in sorted(read - _FIELDS[metric["message"]]):
            yield f"{name}: the signal {metric['message']!r} has no field {field}"


def _asked(text: str) -> Iterator[tuple[str, set[str]]]:
    """Metrics as queries (PromQL) and filters name them, and the labels they are chosen by."""
    for name, chosen in _QUERY.findall(
        re.sub(r"\$\{[\w.]+\}", lambda it: it[0].replace("{", "(").replace("}", ")"), text)
    ):
        yield name, set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*\\?"', chosen))
    for name in _BARE.findall(text):
        yield name, set()
    for host, path, ours in _FILTER.findall(text):
        if ours or path.startswith("user/motif/"):
            yield _OURS + (ours or path.removeprefix("user/motif/")), set()
        elif (
            host != _LOGS
            and "/" not in host
            and not path.startswith(("stdout", "stderr", "varlog"))
        ):
            yield f"{host}/{path}", set()


def _unknown(
    name: str, labels: set[str], told: Mapping[str, Any], google: Mapping[str, str]
) -> Iterator[str]:
    if name.startswith(_OURS):
        ours = name.removeprefix(_OURS)
        metric = told.get(ours) or told.get(_SUFFIX.sub("", ours))
        if metric is None:
            yield f"there is no metric motif/{ours}"
        else:
            for label in sorted(labels - _ALWAYS - {*metric["labels"]}):
                yield f"motif/{ours} has no label {label}"
    elif _SUFFIX.sub("", _prometheus(name)) not in {
        _SUFFIX.sub("", _prometheus(it)) for it in google
    }:
        yield f"{name} is neither ours nor one of google_metrics.json"


def _prometheus(name: str) -> str:
    """How PromQL names a metric of Google's."""
    if ":" in name:
        return name
    host, _, path = name.partition("/")
    return f"{host.replace('.', '_')}:{path.replace('/', '_').replace('.', '_')}"


def _is_googles(url: str) -> bool:
    return url.startswith(("https://cloud.google.com/", "https://docs.cloud.google.com/"))
