import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from deploy.local.environment import (
    environment,
    main_key,
    service_environment,
    webhook_secret,
)
from deploy.local.layout import Layout, state_folder
from deploy.local.ports import DEFAULTS
from services.generator.config import Settings as Generator
from services.ingest.config import Settings as Ingest
from services.ingest.identity.keys import key_id_of
from services.notifier.config import Settings as Notifier
from shared.cdn import read_keys
from shared.vault import Vault


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path, DEFAULTS)


def test_what_the_caller_set_wins_over_defaults_but_not_over_addresses(layout: Layout) -> None:
    given = {
        "GCP_PROJECT": "mine",
        "VERTEX_ENDPOINT": "http://127.0.0.1:9",
        "LYRIA_QUOTA_PER_MINUTE": "",
        "WEBHOOK_ALLOWED_TARGETS": "10.1.2.3:80",
        "PUBSUB_EMULATOR_HOST": "localhost:8085",
        "FIRESTORE_EMULATOR_HOST": "elsewhere:1",
        "PUSH_AUTH": "platform",
        "PORT": "3000",
        "K_SERVICE": "real",
        "GOOGLE_APPLICATION_CREDENTIALS": "/key.json",
        "no_proxy": "internal",
        "CDN_URL": "https://media.example",
        "UNRELATED": "kept",
    }

    env = service_environment("ingest", layout, environment(layout, given))

    assert {name: env[name] for name in given if name in env} == {
        "GCP_PROJECT": "mine",
        "VERTEX_ENDPOINT": "http://127.0.0.1:9",
        "LYRIA_QUOTA_PER_MINUTE": "600",
        "WEBHOOK_ALLOWED_TARGETS": "10.1.2.3:80,127.0.0.0/8,::1/128,localhost",
        "PUBSUB_EMULATOR_HOST": "127.0.0.1:8085",
        "FIRESTORE_EMULATOR_HOST": "127.0.0.1:8086",
        "PUSH_AUTH": "verify",
        "PORT": "8080",
        "no_proxy": "internal,127.0.0.1",
        "CDN_URL": "http://127.0.0.1:9023",
        "UNRELATED": "kept",
    }


@pytest.mark.parametrize(
    ("name", "settings"), [("ingest", Ingest), ("generator", Generator), ("notifier", Notifier)]
)
def test_each_service_can_start_with_it(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, name: str, settings: Any
) -> None:
    for variable, value in service_environment(name, layout, environment(layout, {})).items():
        monkeypatch.setenv(variable, value)

    made = settings()

    assert made.gcp_project == "motif-local"
    if name != "ingest":
        made.auth()
        assert made.push_audience == layout.url(name)


def test_a_receiver_on_this_machine_may_be_called(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = environment(layout, {"WEBHOOK_ALLOWED_TARGETS": "receiver:9000"})
    for variable, value in service_environment("notifier", layout, given).items():
        monkeypatch.setenv(variable, value)
    targets = Notifier().targets
    for host in ("127.0.0.1:5000", "localhost:5000", "[::1]:5000", "receiver:9000"):
        targets.check(f"http://{host}/hook")
    targets.check_addresses("http://localhost:5000/", ["127.0.0.1", "::1"])


def test_the_secret_is_made_once_and_is_private(tmp_path: Path) -> None:
    file = tmp_path / "webhook_secret"

    secret = webhook_secret(file)

    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert webhook_secret(file) == secret
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_main_key_is_made_once_and_is_private(layout: Layout) -> None:
    env = environment(layout, {})
    key = env["WEBHOOK_MAIN_KEYS"]

    assert not Vault(key).shut
    assert environment(layout, {})["WEBHOOK_MAIN_KEYS"] == key
    assert environment(layout, {"WEBHOOK_MAIN_KEYS": "mine"})["WEBHOOK_MAIN_KEYS"] == "mine"
    (file,) = (file for file in layout.state.iterdir() if file.read_text().strip() == key)
    assert main_key(file) == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert key not in json.dumps(layout.describe(env))


def test_ingest_and_the_cdn_beside_the_bucket_share_a_key(layout: Layout) -> None:
    env = environment(layout, {"AUDIO_DELIVERY": "cdn"})
    (key,) = read_keys(env["CDN_KEYS"])

    assert (key.name, len(key.secret)) == ("local", 16)
    assert (env["AUDIO_DELIVERY"], env["CDN_URL"]) == ("cdn", layout.url("storage"))
    assert environment(layout, {})["CDN_KEYS"] == env["CDN_KEYS"]
    assert stat.S_IMODE((layout.state / "cdn_key").stat().st_mode) == 0o600


def test_a_stack_that_asks_for_keys_has_one_and_tells_it(layout: Layout) -> None:
    env = environment(layout, {"API_AUTH": "on"})
    info = layout.describe(env)

    assert key_id_of(info["api_key"])
    assert layout.describe(environment(layout, {"API_AUTH": "on"})) == info
    assert stat.S_IMODE((layout.state / "api_key").stat().st_mode) == 0o600
    assert env["SESSION_KEYS"] != env["WEBHOOK_MAIN_KEYS"]
    assert env["SESSION_KEYS"] not in json.dumps(info)


def test_other_stacks_have_none(layout: Layout) -> None:
    env = environment(layout, {"LOCAL_API_KEY": "mk_of_another_stack"})

    assert env["API_AUTH"] == "off"
    assert "api_key" not in layout.describe(env)
    assert not (layout.state / "api_key").exists()


def test_the_description_has_what_others_rely_on(layout: Layout) -> None:
    info = layout.describe(environment(layout, {"WEBHOOK_SECRET": "whsec_x"}))

    assert info.keys() - {"relay"} == {
        "api", "studio", "docs", "generator", "notifier", "webhook_sink", "vertex", "pubsub",
        "firestore", "storage", "project", "prompts_bucket", "output_bucket", "webhook_secret",
        "paid_calls", "topics",
    }  # fmt: skip
    assert info["webhook_secret"] == "whsec_x"
    assert not any(str(value).endswith("/") for value in info.values())
    assert json.loads(json.dumps(info)) == info


def test_the_state_folder_can_be_moved(tmp_path: Path) -> None:
    assert state_folder({"MOTIF_STATE": str(tmp_path)}) == tmp_path
    assert state_folder({"MOTIF_STATE": ""}).name == ".local"


def test_clearing_keeps_keys_secret_and_music(layout: Layout) -> None:
    kept = [layout.keys / "oidc.key.pem", layout.state / "out" / "first-track.wav"]
    gone = layout.data("storage") / "objects.db"
    for file in (*kept, gone):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    layout.clear()

    assert all(file.exists() for file in kept)
    assert not gone.exists()
    assert layout.paid_calls.read_text() == ""
