"""Does each check notice what is broken on purpose? ``python -m deploy.checks.broken [NAME ...]``.

For each defect: a copy of the tree, the defect in it, and then every check that is soon done beside
the one that has to fail. That one, and no other, may. The slow ones (``SLOW``) run only for defects
of their own, since what Terraform cannot read it can neither test nor destroy.
"""

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.checks.table import CHECKS
from deploy.checks.tools import ROOT, environment, run

SLOW: Final = ("validate", "destroy", "test", "images")
_MODULE: Final = "deploy/terraform"
_LEFT: Final = (".git", ".venv", ".local", ".*_cache", ".hypothesis", "__pycache__", ".terraform*")
_SETTING: Final = "    webhook_time_scale: float = Field("
_NEW_SETTING: Final = '    new: str = Field("", description="New")\n'
_NEVER: Final = 'resource "google_pubsub_topic" "never" {\n  count = 0\n\n  name = "never"\n}\n\n'


@dataclass(frozen=True, slots=True)
class Defect:
    """The first *old* of *file* becomes *new*, and *check* has to say so."""

    check: str
    meaning: str
    file: str
    old: str
    new: str


DEFECTS: Final = (
    Defect("settings", "a setting that Terraform does not know", "services/notifier/config.py",
           _SETTING, _NEW_SETTING + _SETTING),
    Defect("settings", "a variable that no service reads", f"{_MODULE}/settings.tf",
           'API_AUTH               = "on"', 'API_AUTHS              = "on"'),
    Defect("schemas", "a schema that was written by hand", "deploy/schemas/track-requests.avsc",
           '"string"', '"bytes"'),
    Defect("metrics", "an alert on what nobody tells", "deploy/monitoring/alerts.json",
           "user_motif_sweep_passes", "user_motif_sweep_pauses"),
    Defect("metrics", "a query without braces of what nobody tells",
           "deploy/monitoring/dashboard.json", '"prometheusQuery": "',
           '"prometheusQuery": "logging_googleapis_com:user_motif_eldest + '),
    Defect("metrics", "a tile of what Google does not have", "deploy/monitoring/dashboard.json",
           "run_googleapis_com:request_count", "run_googleapis_com:requests"),
    Defect("metrics", "a signal that is called otherwise", "shared/signals.py",
           '"model called"', '"model asked"'),
    Defect("providers", "another range of versions", f"{_MODULE}/versions.tf",
           '"~> 6.50"', '">= 6.50"'),
    Defect("providers", "a resource of another provider", f"{_MODULE}/topics.tf",
           'resource "google_pubsub_topic" "all" {\n',
           'resource "google_pubsub_topic" "all" {\n  provider = google-beta\n\n'),
    Defect("references", "a file from outside deploy/", f"{_MODULE}/topics.tf",
           "${path.module}/../schemas", "${path.module}/../../schemas"),
    Defect("references", "one that is named from here", f"{_MODULE}/topics.tf",
           "${path.module}/../schemas", "../../shared"),
    Defect("format", "two spaces too many", f"{_MODULE}/registry.tf",
           '  format        = "DOCKER"', '    format        = "DOCKER"'),
    Defect("dockerfiles", "an image that runs as root", "services/notifier/Dockerfile",
           "USER 10001:10001", "USER root"),
    Defect("build-files", "a misspelt member", "cloudbuild.yaml", "timeout:", "timeOut:"),
    Defect("build-files", "a step that waits for nobody", "cloudbuild.yaml",
           "waitFor: [push-ingest,", "waitFor: [push-ingst,"),
    Defect("build-files", "a variable that nobody defines", "cloudbuild.yaml",
           "$_REPOSITORY/ingest", "$_REPOSTORY/ingest"),
    Defect("dashboards", "a misspelt member", "deploy/monitoring/dashboard.json",
           '"mosaicLayout"', '"mosaikLayout"'),
    Defect("commands", "a misspelt flag of the table", "deploy/cloud/commands.py",
           "--no-traffic", "--no-trafic"),
    Defect("commands", "a misspelt flag in the docs", "docs/deploy.md",
           "--data-file=-", "--data-fill=-"),
    Defect("policy", "a bucket that may become public", f"{_MODULE}/buckets.tf",
           '"enforced"', '"inherited"'),
    Defect("validate", "a misspelt argument", f"{_MODULE}/registry.tf",
           "repository_id = ", "repositori_id = "),
    Defect("destroy", "a resource that nothing makes", f"{_MODULE}/scheduler.tf",
           'resource "google_cloud', f'{_NEVER}resource "google_cloud'),
    Defect("test", "no CPU boost at start", f"{_MODULE}/services.tf",
           "startup_cpu_boost = true", "startup_cpu_boost = null"),
    Defect("images", "a service that does not start", "services/notifier/Dockerfile",
           "services.notifier.app:create_app()", "services.notifier.app:create_nothing()"),
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Try every defect, or those of the checks that are named; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.checks.broken", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CHECKS)}")
    names = parser.parse_args(argv).names or list(CHECKS)
    environment()  # once, for all copies
    missed = [one for one in DEFECTS if one.check in names and not _noticed(one)]
    return min(1, len(missed))


def _noticed(defect: Defect) -> bool:
    checks = [name for name in CHECKS if name == defect.check or name not in SLOW]
    with _copy() as root:
        _break(root, defect)
        done = run([sys.executable, "-m", "deploy.checks", *checks], cwd=root, seconds=3600)
    failed = re.findall(r"^FAIL (\S+): (.*)", done.stdout, re.MULTILINE)
    good = [name for name, _ in failed] == [defect.check]
    print(f"{'ok  ' if good else 'FAIL'} {defect.check}: {defect.meaning} ({defect.file})")
    for name, finding in failed or [("nothing", done.stderr[-300:])]:
        print(f"       {name}: {finding}", flush=True)
    return good


def _break(root: Path, defect: Defect) -> None:
    file = root / defect.file
    text = file.read_text()
    if defect.old not in text:
        raise SystemExit(f"{defect.file} has no {defect.old!r}: the defect needs another place")
    file.write_text(text.replace(defect.old, defect.new, 1))


@contextmanager
def _copy() -> Iterator[Path]:
    """The tree without what is made in it, but with the environments of the checks."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "tree"
        shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(*_LEFT), symlinks=True)
        (root / ".local").mkdir()
        for name in ("checks", "images"):
            if (ROOT / ".local" / name).exists():
                (root / ".local" / name).symlink_to(ROOT / ".local" / name)
        yield root


if __name__ == "__main__":
    sys.exit(main())
