import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from motif.cli import main
from tests.support.scripted import Scripted, answer, event, hang_up, problem, stream
from tests.support.snapshots import ID, completed, failed, snapshot

CLIENT = Path(__file__).parents[3] / "client"
SOUND = b"sound" * 1000
ACCEPTED = {"request_id": ID, "status": "queued", "quote_usd": 0.06}


@pytest.fixture(autouse=True)
def pointed_at(api: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTIF_URL", api.url)


def ends(*arguments: str) -> int:
    try:
        return main(arguments)
    except SystemExit as end:
        return int(end.code or 0)


def followed(api: Scripted, end: dict[str, Any]) -> None:
    """A submit, the first look, the stream, and the sound."""
    half = snapshot(api.url, "running", stage="mastering", progress=0.5)
    api.script(
        answer(ACCEPTED, 202),
        answer(snapshot(api.url)),
        stream(event(half, "1"), event(end, "2")),
        answer(SOUND),
    )


def test_submit_prints_the_id(api: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    api.script(answer(ACCEPTED, 202))
    given = [
        *("--style", "jazz", "--tempo", "120", "--duration", "75", "--seed", "7"),
        *("--loudness", "none", "--metadata", "scene=7=x", "--metadata", "a=", "--loop"),
        *("--callback-event", "track.failed", "--max-cost", "0.5", "--expires-in", "60"),
        *("--format", "wav", "--idempotency-key", "mine", "--negative-prompt", "drums"),
    ]
    assert ends("submit", "warm strings", *given) == 0
    assert capsys.readouterr().out == f"{ID}\n"
    assert api.seen[0].headers["idempotency-key"] == "mine"
    assert api.seen[0].json() == {
        "prompt": "warm strings", "style": "jazz", "tempo": 120, "duration_seconds": 75,
        "seed": 7, "loudness_lufs": None, "metadata": {"scene": "7=x", "a": ""}, "loop": True,
        "callback_events": ["track.failed"], "max_cost_usd": 0.5, "expires_in_seconds": 60,
        "formats": ["wav"], "negative_prompt": "drums",
    }  # fmt: skip


def test_the_prompt_may_come_by_stdin(api: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    api.script(answer(ACCEPTED, 202))
    monkeypatch.setattr(sys, "stdin", io.StringIO("warm strings\n"))
    assert ends("submit", "-", "--tempo", "slow") == 0
    assert api.seen[0].json() == {"prompt": "warm strings", "tempo": "slow"}


def test_submit_to_a_file_waits_and_says_what_happens(
    api: Scripted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    followed(api, completed(api.url, SOUND))
    path = tmp_path / "track.MP3"
    assert ends("submit", "warm strings", "-o", str(path)) == 0
    assert path.read_bytes() == SOUND
    assert api.seen[0].json()["formats"] == ["mp3"]
    said = capsys.readouterr()
    assert said.out == f"{ID}\n"
    assert said.err.splitlines() == [
        "queued", "running: mastering, 50%", "completed", "fetching mp3", f"saved {path}",
    ]  # fmt: skip


def test_for_scripts_there_is_one_object_and_nothing_else(
    api: Scripted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    followed(api, completed(api.url, SOUND))
    assert ends("submit", "x" * 5, "--wait", "--json", "-o", str(tmp_path / "a.mp3")) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["status"] == "completed"
    assert said.out.count("\n") == 1
    assert said.err == ""


def test_a_failed_track_is_1_and_says_why(
    api: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    followed(api, failed(api.url))
    assert ends("submit", "warm strings", "--wait", "--json") == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["error"]["code"] == "prompt_blocked"
    assert "The model refused the prompt. Say it in other words." in said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["submit"],
        ["submit", "warm strings", "--duration", "long"],
        ["submit", "warm strings", "--duration", "nan"],
        ["submit", "warm strings", "--loudness", "loud"],
        ["submit", "warm strings", "--metadata", "nothing"],
        ["submit", "warm strings", "-o", "track.xyz"],
        ["submit", "warm strings", "-o", "track"],
        ["submit", "warm strings", "-o", "/nowhere/track.mp3"],
        ["submit", "warm strings", "-o", "/"],
        ["submit", "warm strings", "-o", "-", "--json"],
        ["submit", "warm strings", "--idempotency-key", "a b"],
        ["submit", "warm strings", "--timeout", "-1"],
        ["submit", "warm strings", "--url", "music"],
        ["status", "../usage"],
        ["list", "--limit", "-1"],
        ["delete", ID],
        ["webhook"],
        ["sing"],
        [],
    ],
)
def test_a_wrong_question_is_2_and_nothing_is_sent(
    api: Scripted,
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert ends(*arguments) == 2
    assert api.seen == []
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(("usage: motif", "motif "))
    assert "Traceback" not in said.err


def test_a_refusal_is_3_with_its_cure(api: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    api.script(problem(400, "invalid_field", field="style", cure="Use jazz.\x1b[2J"))
    assert ends("submit", "warm strings", "--style", "polka") == 3
    assert capsys.readouterr().err == (
        "motif submit: style: It is invalid_field. (invalid_field, HTTP 400, r-1)\n"
        "  Use jazz.?[2J\n"
    )
    assert ends("submit", "warm strings", "--json") == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert json.loads(said.err)["error"]["field"] == "style"


@pytest.mark.parametrize(
    "trouble",
    [hang_up, answer(b"<html>", 502), answer(b"<html>"), answer(b"{"), problem(503, "away")],
    ids=["hung up", "502", "html", "no json", "503"],
)
def test_an_api_that_makes_no_sense_is_4(
    api: Scripted, trouble: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    api.script(trouble)
    assert ends("status", ID, "--timeout", "0.5") == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("motif status: ")
    assert "Traceback" not in said.err


def test_a_wait_that_takes_too_long_is_4_and_says_how_to_go_on(
    api: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    hold = threading.Event()
    api.script(answer(ACCEPTED, 202), answer(snapshot(api.url)), stream(hold=hold))
    try:
        assert ends("submit", "warm strings", "--wait", "--timeout", "0.7") == 4
    finally:
        hold.set()
    said = capsys.readouterr()
    assert said.out == f"{ID}\n"
    assert f"motif status {ID} --wait" in said.err


def test_a_file_that_cannot_be_written_is_5(
    api: Scripted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = completed(api.url, SOUND)
    api.script(answer(body), answer(SOUND))
    name = "x" * 250 + ".mp3"  # one that leaves no room for the part beside it
    assert ends("download", ID, "-o", str(tmp_path / name)) == 5
    assert "motif download: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_status_tells_what_there_is(api: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    sound = {"loudness_lufs": -14.0, "true_peak_dbtp": -1.2, "tempo": {"bpm": 120.2},
             "key": {"name": "F# minor"}}  # fmt: skip
    api.script(answer(completed(api.url, SOUND) | {"sound": sound}))
    assert ends("status", ID) == 0
    said = capsys.readouterr().out
    for text in (f"{ID}  completed", "warm strings", "-14.0 LUFS, -1.2 dBTP, 120 bpm, F# minor"):
        assert text in said
    api.script(answer(failed(api.url)))
    assert ends("status", ID) == 0
    assert "Say it in other words." in capsys.readouterr().out
    assert ends("status", ID, "--wait") == 1
    assert ends("status", ID, "--json") == 0


def test_a_list_is_a_table_or_lines_for_scripts(
    api: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    page = {"tracks": [snapshot(api.url), failed(api.url)], "next": "c", "has_more": True}
    api.script(answer(page), answer(page | {"has_more": False}))
    assert ends("list", "--limit", "3", "--status", "queued,failed") == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["id", "status", "done", "style", "seconds", "created", "prompt"]
    assert [row.split()[:3] for row in rows] == [
        [ID, "queued", "0%"], [ID, "failed", "0%"], [ID, "queued", "0%"],
    ]  # fmt: skip
    api.script(answer(page), answer(page | {"has_more": False}))
    assert ends("list", "--json", "--limit", "0") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["queued", "failed"] * 2


def test_the_other_commands(api: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    day = {"date": "2026-01-02", "tracks": 3, "billed_usd": 0.18, "cap_usd": None}
    hook = {"state": "pending", "webhook_id": "msg_1", "type": "track.failed",
            "attempts": [{"number": 1, "code": "timeout"}]}  # fmt: skip
    model = {"id": "lyria-002", "default": True, "price_usd_per_clip": 0.06, "styles": ["jazz"]}
    for arguments, body, shown in (
        (["cancel", ID], {"result": "cancelling"}, "cancelling"),
        (["delete", ID, "--yes"], None, "deleted"),
        (["usage", "--days", "3"], {"days": [day]}, "0.18"),
        (["models"], {"models": [model]}, "lyria-002 (default)"),
        (["webhook", "status", ID], hook, "timeout"),
        (["webhook", "redeliver", ID], hook, "pending"),
        (["webhook", "test", "https://x.example/hook"], hook, "msg_1"),
        (["retry", ID], ACCEPTED, ID),
    ):
        api.script(answer(body, 200 if body else 204))
        assert ends(*arguments) == 0
        assert shown in capsys.readouterr().out
        assert ends(*arguments, "--json") == 0
        assert json.loads(capsys.readouterr().out)


# Processes: signals, pipes and terminals.


@contextmanager
def process(api: Scripted, *arguments: str, **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    env = os.environ | {"PYTHONPATH": str(CLIENT), "MOTIF_URL": api.url, "TERM": "xterm"}
    command = [sys.executable, "-m", "motif", *arguments]
    with subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, **streams) as running:
        try:
            yield running
        finally:
            running.kill()


def test_ctrl_c_is_130_and_says_how_to_follow_on(api: Scripted, tmp_path: Path) -> None:
    hold = threading.Event()
    half = snapshot(api.url, "running", progress=0.5)
    api.script(
        answer(ACCEPTED, 202), answer(snapshot(api.url)), stream(event(half, "1"), hold=hold)
    )
    path = tmp_path / "a track.mp3"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with process(api, "submit", "warm strings", "-o", str(path), **pipes) as running:
        assert running.stderr
        assert running.stderr.readline() == b"queued\n"
        assert running.stderr.readline() == b"running, 50%\n"
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=20)
        assert running.returncode == 130
    hold.set()
    assert out.decode() == f"{ID}\n"
    assert f"motif download {ID} --wait -o '{path}'" in err.decode()
    assert b"Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_audio_goes_into_a_pipe(api: Scripted) -> None:
    followed(api, completed(api.url, SOUND))
    arguments = ["submit", "warm strings", "-o", "-", "--format", "mp3"]
    with process(api, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        out, err = running.communicate(timeout=30)
        assert running.returncode == 0, err
    assert out == SOUND


def test_a_pipe_that_nobody_reads_ends_it_quietly(api: Scripted) -> None:
    rows = [snapshot(api.url) for _ in range(100)]
    api.script(answer({"tracks": rows, "next": "c", "has_more": False}))
    reading, writing = os.pipe()
    os.close(reading)
    with process(api, "list", "--json", stdout=writing, stderr=subprocess.PIPE) as running:
        os.close(writing)
        _, err = running.communicate(timeout=30)
        assert (running.returncode, err) == (141, b"")


def test_a_terminal_gets_a_bar(api: Scripted) -> None:
    def slowly(handler: Any) -> None:
        handler.head(200, {"Content-Type": "text/event-stream", "Connection": "close"})
        for number, progress in enumerate((0.25, 0.75)):
            half = snapshot(api.url, "running", stage="generating", progress=progress)
            handler.wfile.write(event(half, str(number)))
            handler.wfile.flush()
            time.sleep(1)
        handler.wfile.write(event(completed(api.url, SOUND), "9"))

    api.script(answer(ACCEPTED, 202), answer(snapshot(api.url)), slowly)
    ours, theirs = pty.openpty()
    with process(
        api, "submit", "warm strings", "--wait", stdout=subprocess.PIPE, stderr=theirs
    ) as running:
        os.close(theirs)
        shown = read_all(ours)
        out, _ = running.communicate(timeout=30)
        assert running.returncode == 0, shown
    os.close(ours)
    assert out.decode() == f"{ID}\n"
    assert re.search("0:0\\d  \u2588{6}\u2591{18}  25%  running: generating", shown), shown
    assert "\u2588" * 18 + "\u2591" * 6 + "  75%" in shown
    assert "\u2588" * 24 + " 100%  completed" in shown
    assert shown.count("\r\n") == 1, "one line, drawn again and again"


def read_all(terminal: int) -> str:
    """What the other side has written by the time that it has gone."""
    data = b""
    while select.select([terminal], [], [], 30)[0]:
        try:
            data += os.read(terminal, 65_536)
        except OSError:  # how a terminal says that nobody holds its other end
            break
    return data.decode()
