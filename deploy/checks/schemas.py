"""The schemas of the topics are those of ``shared/messages.py``."""

import tempfile
from pathlib import Path
from typing import Final

from deploy.checks.fault import refuse
from deploy.checks.tools import ROOT
from shared import avro

FOLDER: Final = ROOT / "deploy" / "schemas"


def check() -> str:
    """What is committed, generated anew, is the same to the byte. Raises Fault."""
    with tempfile.TemporaryDirectory() as name:
        avro.write(Path(name))
        wanted, there = _texts(Path(name)), _texts(FOLDER)
    refuse(
        [
            f"deploy/schemas/{name} is not what shared/messages.py says"
            for name in sorted(wanted.keys() | there.keys())
            if wanted.get(name) != there.get(name)
        ],
        "Run `make schemas`, and look at what it changes.",
    )
    return f"{len(wanted)} topics"


def _texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}
