"""What all our commands are told: the project and the region."""

import argparse
import os
import re
import sys
from typing import Final

from deploy.cloud.names import Cloud

_PROJECT: Final = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")


def parser(module: str, doc: str | None, *, required: bool = True) -> argparse.ArgumentParser:
    """A parser of ``--project`` and ``--region``.

    *required*: the project, else GCP_PROJECT; such commands change it, so they have ``--dry-run``.
    """
    made = argparse.ArgumentParser(prog=f"python -m {module}", description=doc)
    project = os.environ.get("GCP_PROJECT", "") if required else ""
    made.add_argument("--project", default=project, help="id of the Google Cloud project")
    made.add_argument("--region", default=os.environ.get("GCP_REGION") or "us-central1")
    if required:
        made.add_argument("--dry-run", action="store_true", help="only show the commands")
    return made


def cloud(asked: argparse.Namespace) -> Cloud:
    """Where to work; ends the process with one line when that is no project's id."""
    if not _PROJECT.fullmatch(asked.project):
        sys.exit("Which project? Give its id: make ... PROJECT=my-project")
    return Cloud(asked.project, asked.region)
