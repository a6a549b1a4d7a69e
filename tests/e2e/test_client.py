"""The client against the whole stack: from a prompt to a file, in Python and in the shell."""

import io
import json
import os
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from motif import Client, Refused, Track, TrackFailed
from motif.cli import main
from tests.support.ffmpeg import decode
from tests.support.images import encoded, storm
from tests.support.rig import Rig
from tests.support.rigs import FAST, running_rig
from tests.support.waiting import wait_for

CLIENT = Path(__file__).parents[2] / "client"
RATE = 48_000
SLOW = {"match": {}, "action": {"delay": 3}, "count": -1}


@pytest.fixture
def client(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("MOTIF_URL", rig.info["api"])
    monkeypatch.delenv("MOTIF_API_KEY", raising=False)
    with Client() as made:
        yield made


def test_from_a_prompt_to_a_file(client: Client, tmp_path: Path) -> None:
    seen: list[Track] = []
    track = client.submit(
        "warm strings over a river", style="jazz", duration_seconds=2.5, formats=["mp3", "wav"]
    )
    assert (track.status, track.quote_usd) == ("queued", 0.06)
    assert track.estimated_completion is not None
    assert "events" in track.links
    track = client.wait(track.request_id, on_progress=seen.append)
    assert track.completed
    assert [one.status for one in (seen[0], seen[-1])] == ["queued", "completed"]
    progress = [one.progress for one in seen]
    assert progress == sorted(progress)
    assert len(seen) > 2, "it was seen while it was made"
    path = client.download(track, "wav", tmp_path / "track.wav")
    with wave.open(str(path)) as file:
        assert file.getnframes() == 2.5 * RATE
    assert len(decode(client.download(track, "mp3", tmp_path / "track.mp3").read_bytes())) > RATE
    peaks = json.loads(client.download(track, "waveform", tmp_path / "w.json").read_text())
    assert peaks["version"] == 2
    assert sorted(one.name for one in tmp_path.iterdir()) == ["track.mp3", "track.wav", "w.json"]


def test_the_same_key_is_the_same_track(client: Client) -> None:
    first = client.submit("once and only once", duration_seconds=1, idempotency_key="client-1")
    again = client.submit("once and only once", duration_seconds=1, idempotency_key="client-1")
    assert again.raw == first.raw
    with pytest.raises(Refused) as caught:
        client.submit("another text", duration_seconds=1, idempotency_key="client-1")
    assert (caught.value.code, caught.value.status) == ("idempotency_key_reused", 422)


def test_refusals_carry_field_and_cure(client: Client) -> None:
    with pytest.raises(Refused) as caught:
        client.submit("warm strings", style="polka")
    assert (caught.value.code, caught.value.field) == ("invalid_field", "style")
    assert "jazz" in caught.value.cure
    assert caught.value.request_id
    with pytest.raises(Refused) as caught:
        client.get("00000000-0000-0000-0000-000000000000")
    assert caught.value.code == "no_such_track"


def test_a_track_is_listed_cancelled_and_deleted(client: Client, rig: Rig) -> None:
    rig.fault("vertex", SLOW)
    track = client.submit("a long wait for nothing", style="rock", duration_seconds=1)
    assert track.request_id in [one.request_id for one in client.tracks(style="rock", page=5)]
    assert client.cancel(track) in ("cancelled", "cancelling")
    ended = client.wait(track)
    assert ended.status == "cancelled"
    assert ended.error is not None
    with pytest.raises(TrackFailed):
        client.download(ended, "wav", "never.wav")
    assert client.cancel(track) == "already_finished"
    client.delete(track)
    client.delete(track)
    with pytest.raises(Refused) as caught:
        client.get(track)
    assert caught.value.status == 404


def test_a_failed_track_is_retried(client: Client, rig: Rig) -> None:
    text = "something that is refused"
    rig.fault("vertex", {"match": {"prompt": text}, "action": {"error": "safety_flag"}, "count": 1})
    before = rig.fired("vertex")
    failed = client.wait(client.submit(text, duration_seconds=1))
    assert (failed.status, rig.fired("vertex")) == ("failed", before + 1)
    assert client.retry(failed).run == 2
    assert client.wait(failed).completed


def test_prices_models_and_usage(client: Client) -> None:
    (model,) = (one for one in client.models() if one.default)
    assert (model.id, model.price_usd_per_clip) == ("lyria-002", 0.06)
    assert "jazz" in model.styles
    track = client.wait(client.submit("what does it cost", duration_seconds=1))
    assert track.completed
    today = client.usage(1).days[0]
    assert today.tracks >= 1
    assert today.billed_usd >= 0.06


def test_webhooks_are_told_of_and_sent_again(client: Client, rig: Rig) -> None:
    hook = f"{rig.info['webhook_sink']}/client"
    track = client.wait(client.submit("tell me", duration_seconds=1, callback_url=hook))
    wait_for(lambda: client.webhook(track).state == "delivered")
    client.redeliver(track)
    wait_for(lambda: len(client.webhook(track).attempts) == 2)
    assert client.test_webhook(hook).webhook_id


def run(*arguments: str) -> int:
    return main(arguments)


def test_the_command_line_makes_a_file(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "track.flac"
    asked = ["--style", "jazz", "--duration", "1.5", "--wait", "-o", str(path), "--json"]
    assert run("submit", "a walk in the park", *asked) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["status"] == "completed"
    assert len(decode(path.read_bytes())) == 1.5 * RATE
    for words in (["status"], ["webhook", "status"]):
        code = run(*words, shown["request_id"])
        assert code == (0 if words == ["status"] else 3), "there was no callback_url"
    assert run("list", "--style", "jazz", "--json", "--limit", "1") == 0
    assert run("usage", "--days", "1") == 0
    assert run("models") == 0
    assert run("delete", shown["request_id"], "--yes") == 0
    assert run("status", shown["request_id"]) == 3
    assert "no_such_track" in capsys.readouterr().err


def test_an_interrupted_wait_is_taken_up_again(rig: Rig, tmp_path: Path) -> None:
    rig.fault("vertex", SLOW)
    env = os.environ | {"PYTHONPATH": str(CLIENT), "MOTIF_URL": rig.info["api"]}
    path = tmp_path / "track.wav"
    motif = [sys.executable, "-m", "motif"]
    command = [*motif, "submit", "stop and go", "--duration", "1", "-o", str(path)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=env, **pipes) as running:
        assert running.stderr
        assert running.stderr.readline()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert running.returncode == 130
    follow_on = f"motif download {out.decode().strip()} --wait -o {path}"
    assert follow_on in err.decode()
    again = [*motif, *follow_on.split()[1:]]
    done = subprocess.run(again, env=env, timeout=120, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    with wave.open(io.BytesIO(path.read_bytes())) as file:
        assert file.getnframes() == RATE


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A stack that wants a key."""
    overrides = {**FAST, "API_AUTH": "on"}
    with running_rig(tmp_path_factory.mktemp("keyed"), overrides) as rig:
        yield rig


def test_a_key_opens_and_another_does_not(keyed: Rig, tmp_path: Path) -> None:
    key = keyed.info["api_key"]
    with Client(keyed.info["api"], key) as client:
        track = client.wait(client.submit("for members only", duration_seconds=1))
        client.download(track, "wav", tmp_path / "track.wav")
    for wrong in ("", f"{key[:-4]}AAAA"):
        with Client(keyed.info["api"], wrong) as client, pytest.raises(Refused) as caught:
            client.get(track)
        assert (caught.value.status, caught.value.code) == (401, "unauthenticated")
        assert key not in str(caught.value)


def test_the_example_gets_all_samples_to_finished_audio(keyed: Rig, tmp_path: Path) -> None:
    where = {"MOTIF_URL": keyed.info["api"], "MOTIF_API_KEY": keyed.info["api_key"]}
    done = subprocess.run(
        [sys.executable, CLIENT / "examples" / "submit.py", "--output", tmp_path],
        env=os.environ | {"PYTHONPATH": str(CLIENT)} | where,
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "OPTIONS /: * may send" in done.stderr
    lengths = {
        Path(line).name: len(decode(Path(line).read_bytes())) for line in done.stdout.splitlines()
    }
    styles = {"ambient": 45, "rock": 30, "classical": 60, "jazz": 90}
    assert lengths == {
        f"{style}-{way}": seconds * RATE
        for style, seconds in styles.items()
        for way in ("first.wav", "v1.mp3")
    }


def test_from_an_image_to_a_file(
    client: Client, rig: Rig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "storm.png"
    picture.write_bytes(encoded(storm(1), "PNG"))
    seen = client.prompt(picture)
    assert (seen.style, seen.tempo) == ("classical", "fast")
    assert client.prompt(picture.read_bytes()) == seen
    track = client.wait(client.submit(image_id=seen.image_id, duration_seconds=2))
    assert track.completed
    asked = {name: track.parameters[name] for name in ("prompt", "style", "tempo")}
    assert asked == {"prompt": seen.prompt, "style": seen.style, "tempo": seen.tempo}
    told = client.download(track, "metadata", tmp_path / "m.json").read_text()
    assert json.loads(told)["image_id"] == seen.image_id
    assert main(["prompt", str(picture)]) == 0
    assert seen.image_id in capsys.readouterr().out
    out = tmp_path / "track.mp3"
    arguments = ["submit", "--image-id", seen.image_id, "--duration", "2", "-o", str(out)]
    assert main(arguments) == 0
    assert len(decode(out.read_bytes())) > RATE
    picture.write_bytes(b"no image")
    with pytest.raises(Refused) as refused:
        client.prompt(picture)
    assert (refused.value.code, refused.value.field) == ("image_type", "image")
    assert main(["submit"]) == main(["prompt", str(tmp_path / "none.png")]) == 2
