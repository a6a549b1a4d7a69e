"""The table of signals: what is told fits it, is logged once, and is measured by it."""

import ast
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from shared import signals

ROOT = Path(__file__).parents[3]
IDS = {"request_id", "tenant", "webhook_id", "message_id", "seconds", "run"}


def told() -> Iterator[tuple[str, ast.Call]]:
    """Each place that tells a signal."""
    for top in ("shared", "services"):
        for path in (ROOT / top).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "signals.tell":
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def fields_of(call: ast.Call, where: str) -> set[str]:
    names = {keyword.arg for keyword in call.keywords}
    if None in names:  # `**told`: a literal of the same function
        assert "sender.py" in where
        names = names - {None} | {"outcome", "code"}
    return {name for name in names if name}


def test_every_signal_is_told_in_one_place_of_a_service_with_exactly_its_fields() -> None:
    places: dict[tuple[str, str], list[str]] = {}
    for where, call in told():
        name = ast.unparse(call.args[0]).removeprefix("signals.")
        signal: signals.Signal = getattr(signals, name)
        assert fields_of(call, where) == set(signal.fields), where
        service = where.removeprefix("services/").partition("/")[0]
        places.setdefault((signal.message, service), []).append(where)
    assert {message for message, _ in places} == {signal.message for signal in signals.SIGNALS}
    assert all(len(where) == 1 for where in places.values()), places


def test_metrics_are_fed_by_fields_and_labelled_by_words() -> None:
    metrics = [(signal, metric) for signal in signals.SIGNALS for metric in signal.metrics]
    assert len({metric.name for _, metric in metrics}) == len(metrics)
    for signal, metric in metrics:
        assert {*metric.labels, *filter(None, [metric.of])} <= set(signal.fields), metric.name
        assert not IDS & set(metric.labels), metric.name
        assert not metric.histogram or metric.of


def test_a_signal_is_one_line_that_names_who_told_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        signals.tell(signals.PARKED, park="quota", code="model_quota")
    (record,) = caplog.records
    assert record.getMessage() == "parked"
    assert (vars(record)["park"], vars(record)["code"]) == ("quota", "model_quota")
    assert record.filename == "test_signals.py"


@pytest.fixture
def reader() -> Iterator[InMemoryMetricReader]:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    signals.export_to(provider.get_meter("tests"))
    yield reader
    signals._recorders.clear()


def points(reader: InMemoryMetricReader) -> dict[str, Any]:
    data = reader.get_metrics_data()
    assert data is not None
    (resource,) = data.resource_metrics
    (scope,) = resource.scope_metrics
    return {metric.name: list(metric.data.data_points) for metric in scope.metrics}


def test_a_signal_is_counted_and_measured(reader: InMemoryMetricReader) -> None:
    for clips, seconds in ((1, 20.0), (4, 95.5)):
        signals.tell(
            signals.TRACK_ENDED,
            status="completed",
            code="",
            clips=clips,
            provider_calls=clips + 1,
            billed_usd=0.06 * clips,
            seconds=seconds,
        )
    found = points(reader)
    assert found.keys() == {metric.name for metric in signals.TRACK_ENDED.metrics}
    (ended,) = found["motif.tracks.ended"]
    assert (ended.value, dict(ended.attributes)) == (2, {"status": "completed", "code": ""})
    (calls,), (clips_made,) = found["motif.track.provider_calls"], found["motif.track.clips"]
    assert (calls.value, clips_made.value) == (7, 5)
    (seconds_taken,) = found["motif.track.seconds"]
    assert (seconds_taken.count, seconds_taken.sum) == (2, 115.5)
    (billed,) = found["motif.billed.usd"]
    assert billed.value == pytest.approx(0.3)
    assert dict(billed.attributes) == {}
