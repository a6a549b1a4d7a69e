import io
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import motif
from motif.cli import _COMMANDS, main
from tests.support.signed import BODY, OTHER, PRIVATE, PUBLIC, SECRET, signed

CLIENT = Path(__file__).parents[3] / "client"


@pytest.fixture
def body(tmp_path: Path) -> str:
    (tmp_path / "body").write_bytes(BODY)
    return str(tmp_path / "body")


def singly(headers: dict[str, str]) -> list[str]:
    names = {"webhook-id": "--id", "webhook-timestamp": "--timestamp"}
    options = ((names.get(name, "--signature"), value) for name, value in headers.items())
    return [word for pair in options for word in pair]


def ends(*arguments: str) -> int:
    """The exit code, however it is said."""
    try:
        return main(["verify", *arguments])
    except SystemExit as end:
        return int(end.code or 0)


@pytest.mark.parametrize(("sign", "verify"), [(SECRET, SECRET), (PRIVATE, PUBLIC)])
def test_good_is_0_and_bad_is_1(
    body: str, sign: str, verify: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends("--secret", verify, *singly(signed(sign)), body) == 0
    assert capsys.readouterr().out == "verified: 'track.completed' msg_1\n"
    assert ends("--secret", OTHER, *singly(signed(sign)), body) == 1
    assert capsys.readouterr().out.startswith("not verified: ")
    assert ends("--secret", OTHER, "--secret", verify, *singly(signed(sign)), body) == 0


def test_the_age_may_be_left_out_of_account(body: str, capsys: pytest.CaptureFixture[str]) -> None:
    old = ["--secret", SECRET, *singly(signed(age=4000)), body]
    assert ends(*old) == 1
    assert "too_old" in capsys.readouterr().out
    assert ends("--any-age", *old) == 0


def test_the_body_may_come_by_stdin_and_the_secret_by_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOTIF_WEBHOOK_SECRET", f"{OTHER} {SECRET}")
    for arguments in ([], ["-"]):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BODY)))
        assert ends(*singly(signed()), *arguments) == 0


def test_headers_may_be_in_a_file(body: str, tmp_path: Path) -> None:
    headers = signed()
    lines = "\r\n".join(f"{name.title()}:  {value} " for name, value in headers.items())
    forms = [
        f"POST /hook HTTP/1.1\r\nHost: x\r\n{lines}\r\n\r\n",
        lines.replace("\r", ""),
        json.dumps(headers | {"content-length": 3}),
    ]
    for text in forms:
        (tmp_path / "headers").write_bytes(text.encode())
        assert ends("--secret", SECRET, "--headers", str(tmp_path / "headers"), body) == 0
    (tmp_path / "headers").write_text(f"{lines}\nwebhook-id: msg_2")
    assert ends("--secret", SECRET, "--headers", str(tmp_path / "headers"), body) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--headers", "x", "-"], "there is no secret"),
        (["--secret", "whsec_x", *singly(signed()), "-"], "base64"),
        (["--secret", PRIVATE, *singly(signed()), "-"], "private key"),
        (["--secret", SECRET, "--id", "msg_1", "-"], "all of --id"),
        (["--secret", SECRET, "--id", "msg_1", "--headers", "x"], "either --headers"),
        (["--secret", SECRET, *singly(signed()), "/nowhere/body"], "cannot read /nowhere/body"),
        (["--secret", SECRET, "--headers", "/nowhere/h", "-"], "cannot read /nowhere/h"),
        (["--secret", SECRET, "--headers", __file__, "-"], "holds no headers"),
        (["--wrong"], "unrecognized arguments"),
    ],
)
def test_a_wrong_question_is_2_and_says_what_is_wrong(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends(*arguments) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert PRIVATE not in said.err
    assert said.out == ""


@pytest.mark.parametrize("text", ["{", '{"a"', "[1]", "", "\xff\xfe"])
def test_headers_that_are_none_are_2(text: str, tmp_path: Path) -> None:
    (tmp_path / "headers").write_text(text, "latin-1")
    assert ends("--secret", SECRET, "--headers", str(tmp_path / "headers"), "-") == 2


@pytest.mark.parametrize(
    "command",
    [[], *([name] for name in _COMMANDS), *(["webhook", name] for name in ("status", "test"))],
)
def test_help_helps(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([*command, "--help"])
    assert end.value.code == 0
    assert "usage: motif" in capsys.readouterr().out


def test_the_console_script_is_there_and_httpx_is_all_it_needs() -> None:
    project = tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]
    assert EntryPoint("motif", project["scripts"]["motif"], "console_scripts").load() is main
    assert project["dependencies"] == ["httpx>=0.28,<1"]
    assert (CLIENT / "motif" / "py.typed").exists()
    # In the form that the build reads: what it cannot parse, it refuses.
    (version,) = re.findall(
        r'^__version__ = "([0-9.]+)"$', (CLIENT / "motif" / "version.py").read_text(), re.MULTILINE
    )
    assert version == motif.__version__


def test_who_verifies_webhooks_needs_nothing_at_all() -> None:
    code = (
        "import sys; sys.modules['httpx'] = None\n"
        "import motif.webhooks, motif.cli\n"
        "print(motif.__version__, motif.webhooks.Webhook('whsec_' + 'A' * 32) is not None)\n"
        "motif.cli.main(['verify', '--help'])"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(CLIENT)!r})\n{code}"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(f"{motif.__version__} True")
