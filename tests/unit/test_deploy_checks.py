"""The pure parts of `make check-deploy`, and costs; `make check-deploy-broken` tries the rest."""

from pathlib import Path
from typing import Any

import pytest

from deploy.checks import commands, cost, google_files, metrics, module, settings, terraform
from deploy.checks.broken import DEFECTS
from deploy.checks.fault import Fault, refuse
from deploy.checks.table import CHECKS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("gcloud auth login", ["gcloud auth login"]),
        (
            "$ gcloud run deploy $SERVICE --tag=${TAG}",
            ["gcloud run deploy my-value --tag=my-value"],
        ),
        ("x=$(gcloud auth list) && gcloud info | tr a b", ["gcloud auth list", "gcloud info"]),
        ("write `gcloud info --all`, then `ls`", ["gcloud info --all"]),
        ("the `gcloud` command lines", []),
        ("# my-gcloud auth login", []),
    ],
)
def test_commands_are_found_up_to_their_end(line: str, found: list[str]) -> None:
    assert commands.commands_of(line) == found


def test_commands_of_the_table_and_the_docs_are_found() -> None:
    places = {place for _, place in commands.found()}
    assert f"{commands.TABLE}: update subscription" in places
    assert {"README.md", "docs/deploy.md", "docs/messages.md"} <= places


SETTINGS = """
  common = {
    GCP_PROJECT = var.project
  }
  env = {
    ingest = merge(local.common, {
      API_AUTH = "on"
      CDN_URL  = var.domain == "" ? "" : ""
    })
    notifier = local.other
  }
  secret_env = {
    ingest = merge({ KEYS = "" }, var.domain == "" ? {} : { CDN_KEYS = "" })
    notifier = {}
  }
"""


def test_the_keys_of_a_map_are_read_with_those_that_it_merges() -> None:
    assert settings.keys(SETTINGS, "env", "ingest") == {"GCP_PROJECT", "API_AUTH", "CDN_URL"}
    assert settings.keys(SETTINGS, "env", "notifier") == set()
    assert settings.keys(SETTINGS, "secret_env", "ingest") == {"KEYS", "CDN_KEYS"}


def test_what_is_read_without_a_tool_holds() -> None:
    for name in ("settings", "schemas", "metrics", "providers", "references"):
        assert CHECKS[name]()


def test_metrics_and_their_labels_are_seen_in_queries_and_filters() -> None:
    asked = list(
        metrics._asked(
            'rate(logging_googleapis_com:user_motif_swept_count{code=~\\"a\\"}[5m])'
            ' metric.type="run.googleapis.com/request_count" "${local.user_metric}/tracks_ended"'
            " sum(logging_googleapis_com:user_motif_bare)"
        )
    )
    assert asked == [
        ("logging_googleapis_com:user_motif_swept_count", {"code"}),
        ("logging_googleapis_com:user_motif_bare", set()),
        ("run.googleapis.com/request_count", set()),
        ("logging_googleapis_com:user_motif_tracks_ended", set()),
    ]


SCHEMAS: dict[str, Any] = {
    "Build": {
        "type": "object",
        "properties": {
            "steps": {"type": "array", "items": {"$ref": "Step"}},
            "mode": {"type": "string", "enum": ["A", "B"]},
            "names": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    },
    "Step": {"type": "object", "properties": {"id": {"type": "string"}}},
}


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        ({"steps": [{"id": "x"}], "mode": "A", "names": {"any": "y"}}, []),
        ({"step": []}, [".step: there is no such member"]),
        ({"steps": [{"ids": "x"}]}, [".steps[0].ids: there is no such member"]),
        ({"steps": {"id": "x"}}, [".steps is dict, not array"]),
        ({"mode": "C"}, [".mode is C, not one of A, B"]),
        ({"names": {"any": []}}, [".names.any is list, not string"]),
    ],
)
def test_a_file_is_compared_with_googles_schema(value: Any, faults: list[str]) -> None:
    assert list(google_files._faults(SCHEMAS, "Build", value)) == faults


BUILD: dict[str, Any] = {
    "steps": [{"id": "a", "waitFor": ["-"]}, {"id": "b", "waitFor": ["a"], "args": ["$_X$$_Y"]}],
    "tags": ["${PROJECT_ID}"],
    "substitutions": {"_X": "${_X}"},
}


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({}, []),
        ({"tags": ["$_Z"]}, ["$_Z is nowhere defined"]),
        ({"tags": ["${PROJECT}"]}, ["$PROJECT is nowhere defined"]),
        ({"steps": BUILD["steps"][::-1]}, ["b waits for a, which is no step above it"]),
    ],
)
def test_a_build_names_what_is_there(change: dict[str, Any], faults: list[str]) -> None:
    assert list(google_files._names(BUILD | change)) == faults


def test_paths_that_leave_the_module_are_seen() -> None:
    text = (
        'file("${path.module}/../x.json") file("/etc/hosts")\nmodule "m" {\n  source = "a/b/c"\n}\n'
    )
    assert list(module._paths(text)) == ["./../x.json", "/etc/hosts", "/a/b/c"]
    relative = 'file("../../x.json") file("../../y/${z}.json") fileset(path.module, "../../s/*.py")'
    assert list(module._paths(relative)) == ["../../x.json", "../../y", "../../s"]
    assert not module._inside(ROOT / "README.md")


def test_a_provider_that_only_one_resource_asks_for_is_seen() -> None:
    found = module._CHOSEN.findall('resource "google_x" "y" {\n  provider = google-beta\n}\n')
    assert found == ["google-beta"]


def test_a_state_is_made_of_what_was_planned() -> None:
    made = [
        {
            "address": f'google_x.all["{key}"]',
            "type": "google_x",
            "name": "all",
            "index": key,
            "provider_name": "p",
            "schema_version": 1,
            "values": {"name": key},
        }
        for key in ("a", "b")
    ]
    (resource,) = terraform._state(made)["resources"]
    assert [one["index_key"] for one in resource["instances"]] == ["a", "b"]


def test_findings_are_refused_with_a_cure_and_not_all_are_told() -> None:
    refuse([], "never")
    with pytest.raises(Fault) as refused:
        refuse([f"finding {n}" for n in range(20)], "Do it.")
    assert refused.value.lines()[-2:] == ["and 8 more", "Cure: Do it."]


def test_each_check_is_broken_on_purpose_somewhere() -> None:
    assert {defect.check for defect in DEFECTS} == CHECKS.keys()
    for defect in DEFECTS:
        assert defect.old in (ROOT / defect.file).read_text(), defect


def test_the_page_of_costs_is_what_is_reckoned() -> None:
    text = (ROOT / "docs" / "cost.md").read_text()
    _, tables, _ = text.split("<!-- cost -->")
    assert tables.strip() == cost.page().strip()


def test_all_but_the_model_is_under_a_twentieth_of_its_price() -> None:
    assert 0 < cost.billed(cost.TRACKS) / cost.TRACKS < 0.05 * cost.MODEL
