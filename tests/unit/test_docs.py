"""Docs live with the change: settings, message types, routes, codes and targets are in step."""

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from services.generator.config import Settings as GeneratorSettings
from services.ingest.config import Settings as IngestSettings
from services.ingest.identity.routes import SessionRoutes
from services.ingest.limits.routes import UsageRoutes
from services.ingest.live.routes import StreamRoutes
from services.ingest.prompts.routes import PromptRoutes
from services.ingest.tracks import catalog
from services.ingest.tracks.legacy import LegacyRoute
from services.ingest.tracks.routes import TrackRoutes
from services.ingest.tracks.submission import CURES, Submission
from services.ingest.webhooks.routes import WebhookRoutes
from services.ingest.webhooks.secret_routes import SecretRoutes
from services.notifier.config import Settings as NotifierSettings
from shared.cures import CURES as CODE_CURES
from shared.errors import Code
from shared.messages import ENDING_TYPES, LATER_TYPES, LIVE_TYPES, TRACK_REQUESTED
from shared.signals import SIGNALS
from shared.webhooks import WEBHOOK_DUE

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SERVICES: dict[str, type[BaseSettings]] = {
    "ingest": IngestSettings,
    "generator": GeneratorSettings,
    "notifier": NotifierSettings,
}


def rows(name: str) -> list[list[str]]:
    lines = (DOCS / name).read_text().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]


def test_the_settings_table_is_what_the_services_read() -> None:
    documented: dict[str, set[tuple[str, str, str]]] = {name: set() for name in SERVICES}
    text = (DOCS / "operations.md").read_text()
    table = text[text.index("<!-- settings -->") : text.index("<!-- /settings -->")]
    for variable, default, services, meaning in re.findall(
        r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*) \|$", table, re.MULTILINE
    ):
        for name in SERVICES if services == "all" else services.split(", "):
            documented[name].add((variable, default, meaning))
    for name, settings in SERVICES.items():
        assert documented[name] == {
            (
                field.upper(),
                "required"
                if info.is_required()
                else f"`{info.default}`"
                if info.default not in ("", None, SecretStr(""))
                else "empty",
                info.description,
            )
            for field, info in settings.model_fields.items()
        }


def test_the_signals_table_is_what_the_services_tell() -> None:
    text = (DOCS / "operations.md").read_text()
    table = text[text.index("<!-- signals -->") : text.index("<!-- /signals -->")]
    told = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    assert told == [
        [
            f"`{signal.message}`",
            ", ".join(f"`{field}`" for field in signal.fields),
            ", ".join(f"`{metric.name}`" for metric in signal.metrics),
            signal.meaning,
        ]
        for signal in SIGNALS
    ]


def test_every_message_type_is_documented() -> None:
    text = (DOCS / "messages.md").read_text()
    known = {TRACK_REQUESTED, WEBHOOK_DUE, *ENDING_TYPES.values(), *LIVE_TYPES.values()}
    for name in known | LATER_TYPES:
        assert f"`{name}`" in text, name


def test_every_route_is_documented() -> None:
    app = Flask("routes")
    settings = IngestSettings(
        gcp_project="p", output_bucket="o", public_url="http://x", signing_account="a"
    )
    routes = TrackRoutes(None, None, None, None, settings, prompts=None)  # type: ignore[arg-type]  # nothing is called
    app.register_blueprint(routes.blueprint())
    app.register_blueprint(LegacyRoute(None, "t").blueprint())  # type: ignore[arg-type]  # same
    nothing: dict[str, Any] = dict.fromkeys(("tracks", "webhooks", "endpoints", "secrets"))
    app.register_blueprint(WebhookRoutes(**nothing, settings=settings).blueprint())
    app.register_blueprint(SecretRoutes(None).blueprint())  # type: ignore[arg-type]  # same
    app.register_blueprint(SessionRoutes(None, None).blueprint())  # type: ignore[arg-type]  # same
    app.register_blueprint(PromptRoutes(None, "http://x").blueprint())  # type: ignore[arg-type]  # same
    app.register_blueprint(UsageRoutes(None).blueprint())  # type: ignore[arg-type]  # same
    app.register_blueprint(StreamRoutes(None, None, None).blueprint())  # type: ignore[arg-type]  # same
    text = (DOCS / "api.md").read_text()
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static":
            continue
        path = re.sub(r"<\w+_id>", "{id}", rule.rule).replace("<name>", "{fmt}")
        method = next(m for m in ("POST", "DELETE", "GET") if m in (rule.methods or ()))
        assert f"`{method} {path}`" in text, rule


def test_every_field_is_documented_and_has_a_cure() -> None:
    documented = {row[0].strip("`") for row in rows("api.md") if row[0].startswith("`")}
    assert Submission.model_fields.keys() <= documented
    assert CURES.keys() == Submission.model_fields.keys()


@pytest.mark.parametrize("code", list(Code))
def test_every_error_code_is_documented_and_has_a_cure(code: Code) -> None:
    assert f"`{code}`" in (DOCS / "api.md").read_text()
    assert CODE_CURES[code][0].endswith(".")


def test_whether_a_retry_helps_is_documented_as_the_api_says_it() -> None:
    text = (DOCS / "api.md").read_text()
    table = text[text.index("| `error.code` |") : text.index("Codes of refused requests")]
    helps = {
        code: word
        for codes, word in re.findall(r"^\| (`.*?) \|.*\| (\w+) \|$", table, re.MULTILINE)
        for code in re.findall(r"`(\w+)`", codes)
    }
    assert {code: word in ("yes", "perhaps") for code, word in helps.items()} == {
        str(code): retryable for code, (_, retryable) in CODE_CURES.items()
    }


def test_limits_in_the_docs_are_the_limits_in_the_code() -> None:
    text = (DOCS / "api.md").read_text()
    assert f"| `duration_seconds` | {catalog.MIN_SECONDS} to {catalog.MAX_SECONDS}" in text
    for style in catalog.STYLES:
        assert style in text


def test_every_decision_is_indexed_and_every_link_leads_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
    index = (DOCS / "decisions" / "README.md").read_text()
    for page in (DOCS / "decisions").glob("0*.md"):
        assert page.name in index


def test_named_functions_exist() -> None:
    """The table of rules in architecture.md names code; what it names has to be there."""
    text = (DOCS / "architecture.md").read_text()
    table = text[text.index("| rule | held by |") : text.index("What cannot be promised")]
    sources = "\n".join(
        path.read_text() for top in ("shared", "services") for path in (ROOT / top).rglob("*.py")
    )
    for name in re.findall(r"`([A-Za-z_.]+)`", table):
        if name.endswith(".py") or "/" in name:
            continue
        last = name.rpartition(".")[2]
        assert f"def {last}(" in sources or f"class {last}" in sources or last in {
            "wake_at", "uuid5", "if_generation_match",
        }, name  # fmt: skip
