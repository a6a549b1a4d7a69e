import asyncio
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.ingest.webhooks.samples import sample
from services.ingest.webhooks.secret_routes import Rotation
from services.notifier import delivery
from shared.endings import Ending
from shared.messages import ENDING_TYPES, TrackEvent
from shared.rings import MAX_LIVE
from shared.track import Status
from shared.webhook_body import MAX_BYTES, make
from shared.webhooks import LIVE_EVENTS, TERMINAL_EVENTS, TEST_EVENT
from tests.support.messages import completed_event
from tests.support.signed import BODY, OTHER, PRIVATE, PUBLIC, SECRET, signed

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
PROSE = " ".join(PAGE.split())
API = "https://music.example.com"
TRACK = "8f14e45f-ceea-467f-a83c-3e6f2c1a9d10"
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def examples() -> dict[str, TrackEvent]:
    """One event of each webhook type, as the services make them."""
    made = completed_event().model_copy(
        update={"request_id": TRACK, "metadata": {"scene": "7"}, "occurred_at": AT}
    )
    found = {"track.completed": made, TEST_EVENT: sample(TEST_EVENT, "test:1", "local", AT)}
    for status in (Status.FAILED, Status.CANCELLED, Status.EXPIRED):
        error = Ending(status).error
        assert error
        ending = {"type": ENDING_TYPES[status], "status": status, "result": (), "error": (error,)}
        found[f"track.{status}"] = made.model_copy(update=ending)
    for kind, stage, progress in (
        ("queued", "", 0.0),
        ("running", "generating", 0.0),
        ("progress", "mastering", 0.6251),
    ):
        live = {
            "type": f"track.{kind}.v1",
            "status": "queued" if kind == "queued" else "running",
            "stage": stage,
            "progress": progress,
            "result": (),
        }
        found[f"track.{kind}"] = made.model_copy(update=live)
    return found


def shown() -> dict[str, Any]:
    """The bodies on the page, by type."""
    bodies = [json.loads(block) for block in blocks("json")]
    return {body["type"]: body for body in bodies if "type" in body}


def test_every_type_has_its_example() -> None:
    assert shown().keys() == examples().keys() == {*TERMINAL_EVENTS, *LIVE_EVENTS, TEST_EVENT}


@pytest.mark.parametrize("kind", examples())
def test_an_example_is_what_is_sent(kind: str) -> None:
    assert shown()[kind] == json.loads(make(examples()[kind], API))


def test_numbers_on_the_page_are_those_of_the_code() -> None:
    units = {1: "s", 60: "min", 3600: "h"}

    def spoken(seconds: float) -> str:
        unit = max(unit for unit in units if seconds % unit == 0)
        return f"{seconds / unit:.0f} {units[unit]}"

    *most, last = [spoken(gap) for gap in delivery.SCHEDULE[1:]]
    assert f"{', '.join(most)} and {last}" in PROSE
    assert f"{len(delivery.SCHEDULE)} attempts" in PROSE
    assert f"at most {MAX_BYTES} bytes" in PROSE
    assert f"at most {MAX_LIVE} secrets" in PROSE
    assert f"{delivery.RETENTION.days} days" in PROSE
    assert f"{Rotation().overlap_seconds // 3600} h" in PROSE


# The receivers, taken from the page and run.


Post = Callable[[dict[str, str], bytes], int]


def loaded(importing: str) -> dict[str, Any]:
    """The one block of Python that imports *importing*, run."""
    (code,) = [block for block in blocks("python") if f"from {importing} import" in block]
    names: dict[str, Any] = {"__name__": "receiver"}
    exec(compile(code, importing, "exec"), names)
    return names


def flask(app: Any) -> Post:
    client = app.test_client()
    return lambda headers, body: int(client.post("/hook", headers=headers, data=body).status_code)


def fastapi(app: Any) -> Post:
    async def post(headers: dict[str, str], body: bytes) -> int:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://receiver") as client:
            sent = httpx.Headers(headers, encoding="latin-1")
            return (await client.post("/hook", headers=sent, content=body)).status_code

    return lambda headers, body: asyncio.run(post(headers, body))


@pytest.fixture(params=[flask, fastapi], ids=["flask", "fastapi"])
def post(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Post:
    monkeypatch.setenv("MOTIF_WEBHOOK_SECRET", SECRET)
    made: Post = request.param(loaded(request.param.__name__)["app"])
    return made


def test_a_receiver_takes_what_is_signed_once(
    post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    assert post(signed(), BODY) == 204
    assert post(signed(), BODY) == 204
    assert post(signed(f"{OTHER} {SECRET} {PRIVATE}", webhook_id="msg_2"), BODY) == 204
    assert capsys.readouterr().out == "track.completed r1\ntrack.completed r1\n"


@pytest.mark.parametrize(
    ("make_headers", "body"),
    [
        (signed, BODY.replace(b"r1", b"r2")),
        (signed, b""),
        (signed, b"\xff\xfe"),
        (lambda: signed(age=400), BODY),
        (lambda: signed(age=-400), BODY),
        (lambda: signed(OTHER), BODY),
        (lambda: signed() | {"webhook-id": "msg_2"}, BODY),
        (lambda: signed() | {"webhook-signature": "v1"}, BODY),
        (lambda: signed() | {"webhook-signature": "v1,a,b"}, BODY),
        (lambda: signed() | {"webhook-signature": "v1,\u00e9"}, BODY),
        (lambda: signed() | {"webhook-timestamp": "9" * 400}, BODY),
        (dict, BODY),
    ],
    ids=[
        *("changed", "empty", "no text", "old", "early", "other secret", "other id"),
        *("no signature", "commas", "no base64", "huge", "unsigned"),
    ],
)
def test_a_receiver_refuses_the_rest(
    post: Post,
    make_headers: Callable[[], dict[str, str]],
    body: bytes,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert post(make_headers(), body) == 400
    assert capsys.readouterr().out == ""


def test_a_receiver_has_fifteen_lines() -> None:
    for importing in ("flask", "fastapi"):
        (code,) = [block for block in blocks("python") if f"from {importing} import" in block]
        _, _, after = code.partition("app = ")
        assert len([line for line in after.splitlines() if line.strip()]) <= 15


def test_the_page_verifies_v1a() -> None:
    verify = loaded("cryptography.exceptions")["verify"]
    assert verify(PUBLIC, signed(PRIVATE), BODY)
    assert verify(PUBLIC, signed(f"{SECRET} {PRIVATE}"), BODY)
    for headers, body in (
        (signed(PRIVATE), BODY + b" "),
        (signed(PRIVATE) | {"webhook-id": "msg_2"}, BODY),
        (signed(SECRET), BODY),
        (signed(PRIVATE, age=400), BODY),
    ):
        assert not verify(PUBLIC, headers, body)
