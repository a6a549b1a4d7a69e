"""The Terraform module stands for itself: one provider, nothing from outside ``deploy/``."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deploy.checks.fault import Fault, refuse
from deploy.checks.tools import ROOT, run, said

FOLDER: Final = ROOT / "deploy" / "terraform"
PROVIDER: Final = {"google": ("hashicorp/google", "~> 6.50")}
_ENTRY: Final = re.compile(
    r"(\w+)\s*=\s*{\s*source\s*=\s*\"([^\"]+)\"\s*version\s*=\s*\"([^\"]+)\""
)
_PATH: Final = re.compile(r"\$\{path\.(?:module|root)\}((?:/[\w.\-]+)*)")
_SOURCE: Final = re.compile(r'^module .*?^\s*source\s*=\s*"([^"]+)"', re.MULTILINE | re.DOTALL)
_PLAIN: Final = re.compile(r'\b(?:file\w*|templatefile)\(\s*(?:path\.\w+\s*,\s*)?"([^"$*]+)(.)')
_CHOSEN: Final = re.compile(r"^\s*provider\s*=\s*([\w-]+)", re.MULTILINE)


def formatted() -> str:
    """``terraform fmt`` would change nothing. Raises Fault."""
    done = run(["terraform", "fmt", "-check", "-recursive", FOLDER])
    refuse(
        said(done) if done.returncode else [], "Run `terraform fmt -recursive deploy/terraform`."
    )
    return "as terraform fmt writes it"


def providers() -> str:
    """Only Google's provider, in one range of versions. Raises Fault."""
    text = "\n".join(path.read_text() for path in _files())
    block = re.search(r"required_providers {\n(.*?)\n  }", text, re.DOTALL)
    named = {name: tuple(rest) for name, *rest in _ENTRY.findall(block[1] if block else "")}
    used = set(re.findall(r'^(?:resource|data) "([a-z0-9-]+?)_', text, re.MULTILINE))
    used |= set(re.findall(r'^provider "([\w-]+)"', text, re.MULTILINE))
    used |= set(_CHOSEN.findall(text))  # Terraform fetches it unasked, in its newest version
    if named != PROVIDER or used != PROVIDER.keys():
        raise Fault(
            f"providers: {named}, used: {', '.join(sorted(used))}",
            'Only hashicorp/google, "~> 6.50": what is checked here is checked against no other.',
        )
    return "hashicorp/google ~> 6.50"


def references() -> str:
    """No path leads out of ``deploy/``, and each leads somewhere. Raises Fault."""
    paths = [(path, said) for path in _files() for said in _paths(path.read_text())]
    faults = [
        f"{path.relative_to(ROOT)}: {wanted}"
        for path, wanted in paths
        if not _inside((path.parent / wanted).resolve())
    ]
    refuse(faults, "Keep what the module needs below deploy/.")
    return f"{len(paths)} paths"


def _files() -> list[Path]:
    return sorted(FOLDER.rglob("*.tf"))


def _paths(text: str) -> Iterator[str]:
    for path in _PATH.findall(text):
        yield f".{path}"
    for path, end in _PLAIN.findall(text):
        # Of a pattern or template: the folder that it begins in.
        yield path if end == '"' else path.rpartition("/")[0] or "."
    for source in re.findall(
        r'^module .*?^\s*source\s*=\s*"([^"]+)"', text, re.MULTILINE | re.DOTALL
    ):
        # What comes from a registry or from git is outside, too.
        yield source if source.startswith(("./", "../")) else f"/{source}"


def _inside(path: Path) -> bool:
    return path.is_relative_to(ROOT / "deploy") and path.exists()
