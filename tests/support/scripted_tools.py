"""Executables named gcloud and terraform that answer as told, and keep how they were called."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_TOOL = """#!{python}
import json, pathlib, sys
folder = pathlib.Path({folder!r})
line = " ".join([{name!r}, *sys.argv[1:]])
given = {{"--data-file=-", "--key-file=/dev/stdin"}} & {{*sys.argv}}
stdin = sys.stdin.read() if given else ""
with (folder / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps([line, stdin]) + "\\n")
rules = folder / "rules.json"
todo = json.loads(rules.read_text())
for rule in todo:
    if rule["part"] in line and rule["times"]:
        rule["times"] -= 1
        rules.write_text(json.dumps(todo))
        sys.stdout.write(rule["says"])
        sys.exit(rule["code"])
"""
_OFTEN = 1_000_000


@dataclass
class Tools:
    """What stands in for a cloud that nobody here has."""

    folder: Path

    def say(self, part: str, says: Any = "", *, code: int = 0, times: int = _OFTEN) -> None:
        """Answer the next *times* calls whose line has *part* in it; the first rule wins."""
        rules = json.loads((self.folder / "rules.json").read_text())
        text = says if isinstance(says, str) else json.dumps(says)
        rules.append({"part": part, "says": text, "code": code, "times": times})
        (self.folder / "rules.json").write_text(json.dumps(rules))

    @property
    def calls(self) -> list[str]:
        """Every line that was run, in order."""
        return [line for line, _ in self._kept()]

    def called(self, part: str) -> list[str]:
        """Those with *part* in them."""
        return [line for line in self.calls if part in line]

    def stdin(self, part: str) -> str:
        """What the one call with *part* in it was given."""
        (text,) = [text for line, text in self._kept() if part in line]
        return text

    def _kept(self) -> list[tuple[str, str]]:
        kept = self.folder / "calls.jsonl"
        return [json.loads(line) for line in kept.read_text().splitlines()]


def tools(folder: Path, env: pytest.MonkeyPatch) -> Tools:
    """Put them first, and alone, on the path."""
    (folder / "bin").mkdir()
    (folder / "calls.jsonl").touch()
    (folder / "rules.json").write_text("[]")
    for name in ("gcloud", "terraform", "docker"):
        tool = folder / "bin" / name
        tool.write_text(_TOOL.format(python=sys.executable, folder=str(folder), name=name))
        tool.chmod(0o755)
    env.setenv("PATH", str(folder / "bin"))
    return Tools(folder)


def state(resources: Mapping[str, Any], *, tainted: tuple[str, ...] = ()) -> dict[str, Any]:
    """What ``terraform show -json`` prints: address -> values."""
    shown = []
    for address, values in resources.items():
        kind, _, name = address.partition("[")[0].partition(".")
        one = {"address": address, "mode": "managed", "type": kind, "name": name, "values": values}
        shown.append(one | ({"tainted": True} if address in tainted else {}))
    return {"values": {"root_module": {"resources": shown}}}
