"""Every ``gcloud`` command of scripts and docs, by Google's own linter."""

import ast
import json
import re
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deploy.checks.fault import Fault, refuse
from deploy.checks.tools import ROOT, run, said
from deploy.cloud.commands import examples

PLACES: Final = (
    "README.md", "CONTRIBUTING.md", "Makefile", "cloudbuild.yaml",
    ".ci", ".github", "client", "deploy", "docs", "services", "shared",
)  # fmt: skip
TEXTS: Final = {".md", ".sh", ".yaml", ".yml", ".tf", ".json", ".html", ""}
TABLE: Final = "deploy/cloud/commands.py"
_VARIABLE: Final = re.compile(r"\$\$?(?:\{\w+\}|\w+|\([^()]*\))")
_INNER: Final = re.compile(r"\$\((gcloud [^()]*)\)")
_START: Final = re.compile(r"(?:^|[`|;&(])\s*(?:\$ |@|- |run: )?(?=(gcloud [a-z][^`]*))")


def check() -> str:
    """Each is one that gcloud would take. Raises Fault."""
    commands = dict(found())
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump([{"command_string": command} for command in commands], file)
        file.flush()
        done = run(["gcloud", "meta", "lint-gcloud-commands", f"--commands-file={file.name}"])
    # It ends with 0 whatever it has found.
    try:
        judged = json.loads(done.stdout)
    except ValueError as exc:
        raise Fault(said(done)[-3:], "Is `gcloud meta lint-gcloud-commands` there?") from exc
    if len(judged) != len(commands):
        raise Fault(f"{len(judged)} of {len(commands)} commands were judged", "Update gcloud.")
    refuse(
        [
            f"{commands[one['command_string']]}: {one['command_string']}: {one['error_message']}"
            for one in judged
            if not one["success"]
        ],
        "Correct the command; `gcloud help` has its arguments.",
    )
    return f"{len(commands)} commands"


def found() -> Iterator[tuple[str, str]]:
    """Every command, its variables filled in, and where it stands."""
    yield from ((line, f"{TABLE}: {name}") for name, line in examples().items() if _is_ours(line))
    for path in _files():
        place = path.relative_to(ROOT).as_posix()
        if place == TABLE:
            continue
        text = path.read_text()
        lines = _strings(text) if path.suffix == ".py" else _lines(text)
        yield from ((command, place) for line in lines for command in commands_of(line))


def commands_of(line: str) -> list[str]:
    """What of a line of shell is a command of gcloud, up to a pipe or the end of the quotation."""
    asked = [command for inner in _INNER.findall(line) for command in commands_of(inner)]
    for text in _START.findall(_VARIABLE.sub("my-value", line)):
        words = shlex.shlex(text, posix=True, punctuation_chars="|;&<>")
        words.whitespace_split = True
        command: list[str] = []
        for word in words:
            if not word.strip("|;&<>"):
                break
            command.append(word)
        asked.append(shlex.join(command))
    return asked


def _is_ours(line: str) -> bool:
    return line.startswith("gcloud ")


def _files() -> Iterator[Path]:
    for name in PLACES:
        place = ROOT / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if (
                path.is_file()
                and path.suffix in TEXTS | {".py"}
                and "__pycache__" not in path.parts
            ):
                yield path


def _lines(text: str) -> list[str]:
    return re.sub(r"\\\n\s*", " ", text).splitlines()


def _strings(source: str) -> Iterator[str]:
    """String literals that begin as a command does; a docstring is none."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_ours(node.value):
            yield node.value
