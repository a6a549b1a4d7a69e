"""Dashboard, alerts and runbook name what the services tell, or what Google documents."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from shared.models import MODELS
from shared.signals import SECONDS, SIGNALS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "monitoring"
MODULE = (ROOT / "deploy" / "terraform" / "monitoring.tf").read_text()
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
SUFFIX = re.compile(r"_(sum|count|bucket)$")


def loaded(name: str) -> dict[str, Any]:
    """A file of ours; where Terraform fills in a figure it has a 1."""
    found: dict[str, Any] = json.loads(re.sub(r"\$\{\w+\}", "1", (FOLDER / name).read_text()))
    return found


METRICS = loaded("metrics.json")
ALERTS = loaded("alerts.json")
GOOGLE = loaded("google_metrics.json")


def sections(level: str, text: str) -> dict[str, str]:
    """Title -> text of each section of that level."""
    parts = re.split(rf"^{level} (.+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def strings(value: object, key: str) -> list[str]:
    """Every string that stands under *key*, however deep."""
    if isinstance(value, list):
        return [found for one in value for found in strings(one, key)]
    if not isinstance(value, dict):
        return []
    here = [value[key]] if isinstance(value.get(key), str) else []
    return here + [found for one in value.values() for found in strings(one, key)]


QUERIES = strings(loaded("dashboard.json"), "prometheusQuery") + [
    query for alert in ALERTS.values() for query in alert["conditions"].values()
]


def selectors(query: str) -> list[tuple[str, str]]:
    """Each metric of a PromQL query with what is said between its braces."""
    return re.findall(r"(\w+_googleapis_com:\w+)\{([^}]*)\}", query)


def promql(name: str) -> str:
    """As Cloud Monitoring writes a metric's name in PromQL."""
    domain, path = name.split("/", 1)
    return f"{re.sub(r'[^a-z]', '_', domain)}:{re.sub(r'[^a-z0-9_]', '_', path)}"


def ours(selector: str) -> str:
    """The name in ``metrics.json`` that a selector's metric has; empty: it is Google's."""
    prefix = "logging_googleapis_com:user_motif_"
    if not selector.startswith(prefix):
        return ""
    name = selector.removeprefix(prefix)
    return name if name in METRICS else SUFFIX.sub("", name)


def test_metrics_from_logs_read_lines_and_fields_that_there_are() -> None:
    fields = {signal.message: set(signal.fields) for signal in SIGNALS}
    assert {metric["message"] for metric in METRICS.values() if "message" in metric} == set(fields)
    for name, metric in METRICS.items():
        if "message" not in metric:
            assert "severity>=" in metric["only"], name
            assert not metric["labels"], name
            continue
        read = {*metric["labels"], *filter(None, [metric.get("value", "")])}
        read |= set(re.findall(r"jsonPayload\.(\w+)", metric.get("only", "")))
        assert read <= fields[metric["message"]], name


def test_every_metric_that_is_exported_has_its_twin_from_logs() -> None:
    for signal in SIGNALS:
        for metric in signal.metrics:
            words = metric.name.removeprefix("motif.").split(".")
            twin = METRICS["_".join(words)]
            assert twin["message"] == signal.message
            assert set(twin["labels"]) == set(metric.labels)
            assert twin.get("value", "") == metric.of
            assert twin.get("unit", "1") == metric.unit


def test_a_pass_that_finds_nothing_is_one_counter() -> None:
    """Each minute, of each collection: a distribution's point costs ten times as much."""
    swept = {name: metric for name, metric in METRICS.items() if metric.get("message") == "swept"}
    each = {name for name, metric in swept.items() if "only" not in metric}
    assert each == {"sweep_passes"}
    for name in swept.keys() - each:
        assert re.fullmatch(r"jsonPayload\.\w+>\d+", swept[name]["only"]), name
    silent = ALERTS["sweep-silent"]["conditions"].values()
    assert {ours(metric) for query in silent for metric, _ in selectors(query)} == each


def test_every_call_that_may_have_been_paid_is_spend() -> None:
    spent = [query for query in QUERIES if query.startswith("1 * ")]
    assert len(spent) == 4, "an hour and a day, a figure and a curve"
    for query in spent:
        (outcomes,) = re.findall(r'outcome=~"([^"]+)"', query)
        assert set(outcomes.split("|")) == {"stored", "refused", "lost", "timeout"}


def test_no_id_is_a_label() -> None:
    labels = {label for metric in METRICS.values() for label in metric["labels"]}
    assert labels <= {"code", "collection", "model", "outcome", "park", "status", "style"}


def test_classes_and_price_are_those_of_the_code() -> None:
    bounds = re.search(r"^    s +=( \[.*\])$", MODULE, re.MULTILINE)
    price = re.search(r"^    call_usd +=(.*)$", MODULE, re.MULTILINE)
    assert bounds
    assert price
    assert tuple(json.loads(bounds[1])) == SECONDS
    assert float(price[1]) == MODELS["lyria-002"].price_usd


@pytest.mark.parametrize("query", QUERIES)
def test_queries_name_metrics_and_labels_that_there_are(query: str) -> None:
    found = selectors(query)
    assert found
    assert len(found) == query.count("_googleapis_com:")
    known = {promql(name) for name in GOOGLE}
    for metric, inside in found:
        assert inside.startswith('monitored_resource="')
        if not (name := ours(metric)):
            assert {metric, SUFFIX.sub("", metric)} & known, metric
            continue
        assert name in METRICS, metric
        distribution = "value" in METRICS[name]
        assert distribution == (metric != f"logging_googleapis_com:user_motif_{name}"), metric
        labels = set(re.findall(r'(\w+)[!=~]+"', inside)) - {"monitored_resource"}
        assert labels <= {*METRICS[name]["labels"], "service_name"}, query


def test_what_google_documents_is_used_and_says_where() -> None:
    used = {SUFFIX.sub("", metric) for query in QUERIES for metric, _ in selectors(query)}
    used |= {metric for query in QUERIES for metric, _ in selectors(query)}
    for name, page in GOOGLE.items():
        assert promql(name) in used, name
        assert page.startswith("https://cloud.google.com/monitoring/api/"), name
    named = set(re.findall(r'metric\.type=\\"([a-z.]+/[\w/]+)', MODULE))
    assert named - {"logging.googleapis.com/user/motif"} <= GOOGLE.keys()
    objectives = set(re.findall(r"user_metric}/(\w+)", MODULE))
    assert objectives
    assert objectives <= METRICS.keys()


def test_every_metric_from_logs_is_looked_at() -> None:
    used = {ours(metric) for query in QUERIES for metric, _ in selectors(query)}
    assert used - {""} == METRICS.keys()


def test_each_alert_has_its_entry_in_the_runbook_and_no_other_has() -> None:
    entries = sections("###", sections("##", RUNBOOK)["Alerts"])
    assert list(entries) == list(ALERTS)
    for name, text in entries.items():
        flat = " ".join(text.split())
        assert ALERTS[name]["meaning"] in flat, name
        for part in ("**Look.**", "**Do.**", "**Over**"):
            assert part in flat, f"{name}: {part}"
        assert ALERTS[name]["logs"] in flat, name


def test_links_of_the_runbook_lead_somewhere() -> None:
    titles = re.findall(r"^#+ (.+)$", RUNBOOK, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
    linked = set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK))
    assert linked
    assert linked <= anchors


def test_what_a_log_query_names_is_told_by_a_service() -> None:
    messages = {signal.message for signal in SIGNALS}
    code = "\n".join(
        path.read_text() for top in ("shared", "services") for path in (ROOT / top).rglob("*.py")
    )
    named = re.findall(r'jsonPayload\.message="([^"]+)"', RUNBOOK)
    assert len(named) > 5
    for message in named:
        assert message in messages or f'"{message}"' in code, message
