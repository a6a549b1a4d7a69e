"""All checks by name, in the order in which they run: those that are soon done first."""

from collections.abc import Callable
from typing import Final

from deploy.checks import (
    commands,
    dockerfiles,
    google_files,
    metrics,
    module,
    policy,
    schemas,
    settings,
    terraform,
)

CHECKS: Final[dict[str, Callable[[], str]]] = {
    "settings": settings.check,
    "schemas": schemas.check,
    "metrics": metrics.check,
    "providers": module.providers,
    "references": module.references,
    "format": module.formatted,
    "dockerfiles": dockerfiles.linted,
    "build-files": google_files.builds,
    "dashboards": google_files.dashboards,
    "commands": commands.check,
    "policy": policy.check,
    "validate": terraform.valid,
    "destroy": terraform.destroyed,
    "test": terraform.tested,
    "images": dockerfiles.built,
}
"""Name -> what says what is good, or raises Fault."""
