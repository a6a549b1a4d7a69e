"""The page of the client names what there is, and its example runs."""

import inspect
import re
from pathlib import Path

import pytest

import motif
from motif import cli
from motif.commands.options import EXIT_CODES
from tests.support.scripted import Scripted, answer
from tests.support.snapshots import ID, completed

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "client.md").read_text()


def part(title: str) -> str:
    return re.split(r"^##+ ", PAGE.partition(f"# {title}\n")[2], flags=re.MULTILINE)[0]


def test_every_method_is_in_the_table_and_the_table_names_no_other() -> None:
    named = set(re.findall(r"`(\w+)\(", part("In Python"))) - {"Client"}
    public = {name for name, _ in inspect.getmembers(motif.Client, inspect.isfunction)}
    assert named == {name for name in public if not name.startswith("_")} - {"close"}


def test_every_error_is_in_the_table() -> None:
    named = set(re.findall(r"^\| `(\w+)` \|", part("Errors"), re.MULTILINE))
    family = {
        name
        for name in motif.__all__
        if isinstance(kind := getattr(motif, name), type) and issubclass(kind, motif.MotifError)
    }
    assert named == family - {"MotifError"}


def test_every_command_and_exit_code_is_named() -> None:
    commands = part("The command line")
    for name in cli._COMMANDS:
        assert f"`motif {name}" in commands
    told = re.findall(r"^  (\d+) ", EXIT_CODES, re.MULTILINE)
    assert told == re.findall(r"^\| (\d+) \|", part("Exit codes"), re.MULTILINE)[:-1]


@pytest.mark.parametrize("page", [ROOT / "docs" / "client.md", ROOT / "client" / "README.md"])
def test_the_example_of_the_page_runs(
    page: Path, api: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTIF_URL", api.url)
    monkeypatch.chdir(tmp_path)
    text = page.read_text()
    (code,) = re.findall(r"(?ms)^```python\n(from motif import Client\n.*?)^```$", text)
    sound = b"sound"
    api.script(
        answer({"request_id": ID, "status": "queued"}, 202),
        answer(completed(api.url, sound)),
        answer(sound),
    )
    exec(compile(code, str(page), "exec"), {})
    assert Path("track.mp3").read_bytes() == sound
