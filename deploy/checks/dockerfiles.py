"""The Dockerfiles: linted, and, where there is a builder, built and started."""

import sys
from typing import Final

from deploy.checks.fault import Fault, refuse
from deploy.checks.tools import ROOT, packaged, run, said

SERVICES: Final = ROOT / "services"


def linted() -> str:
    """Nothing is left for hadolint to say. Raises Fault."""
    files = sorted(SERVICES.glob("*/Dockerfile"))
    done = run([packaged("hadolint"), "--no-color", *(path.relative_to(ROOT) for path in files)])
    refuse(said(done) if done.returncode else [], "hadolint.github.io explains each rule.")
    return f"{len(files)} Dockerfiles"


def built() -> str:
    """Each image is built and answers, read-only; without a builder the line says so.

    Raises:
        Fault: one is not built, or does not answer.
    """
    done = run([sys.executable, "-m", "deploy.images"], seconds=3600)
    if done.returncode:
        wrong = [line for line in said(done) if ": FAIL: " in line] or said(done)[-3:]
        raise Fault(wrong, "`python -m deploy.images SERVICE` builds and starts one.")
    return "; ".join(said(done))
