"""Build files and dashboards against the schemas that Google publishes of them.

The discovery documents are those that ``google-api-python-client`` carries; they say nothing of
what is required, but every member, its kind and its choices.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # only its stubs are missing

from deploy.checks.fault import Fault, refuse
from deploy.checks.tools import ROOT, environment

BUILDS: Final = ("cloudbuild.yaml", "deploy/cloud/images.yaml")
DASHBOARDS: Final = "deploy/monitoring"
_PUT_IN: Final = re.compile(r"(?<!\$)\$\{?([A-Z_][A-Z0-9_]*)")
_BUILT_IN: Final = {"PROJECT_ID", "PROJECT_NUMBER", "BUILD_ID", "LOCATION", "COMMIT_SHA"}
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "string": (str, int),  # int64 is told as a string, and may be written as a number
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
}


def builds() -> str:
    """Every member of a build file is one of Cloud Build's, every name is of something there.

    Raises:
        Fault: one is not.
    """
    schemas = _schemas("cloudbuild.v1")
    faults = []
    for name in BUILDS:
        build = yaml.safe_load((ROOT / name).read_text())
        told = [*_faults(schemas, "Build", build), *_names(build)]
        faults += [f"{name}: {fault}" for fault in told]
    refuse(faults, "cloud.google.com/build/docs/build-config-file-schema has what there is.")
    return f"{len(BUILDS)} build files"


def dashboards() -> str:
    """Every member of a dashboard is one of Cloud Monitoring's. Raises Fault."""
    schemas = _schemas("monitoring.v1")
    files = [path for path in sorted((ROOT / DASHBOARDS).glob("*.json")) if _is_dashboard(path)]
    if not files:
        raise Fault(f"no dashboard in {DASHBOARDS}", "The dashboards are JSON files there.")
    refuse(
        [
            f"{path.relative_to(ROOT)}: {fault}"
            for path in files
            for fault in _faults(schemas, "Dashboard", _read(path))
        ],
        "cloud.google.com/monitoring/api/ref_v3/rest/v1/projects.dashboards has what there is.",
    )
    return f"{len(files)} dashboards"


def _names(build: dict[str, Any]) -> Iterator[str]:
    """What a step waits for stands above it, and what it puts in is defined."""
    above = {"-"}
    for step in build.get("steps", []):
        for other in step.get("waitFor", []):
            if other not in above:
                yield f"{step.get('id')} waits for {other}, which is no step above it"
        above.add(step.get("id", ""))
    known = {*build.get("substitutions", {}), *_BUILT_IN}
    for name in sorted({*_PUT_IN.findall(json.dumps(build))} - known):
        yield f"${name} is nowhere defined"


def _is_dashboard(path: Path) -> bool:
    found = _read(path)
    return isinstance(found, dict) and "displayName" in found


def _read(path: Path) -> Any:
    """A template of Terraform's, with a number wherever it puts one in."""
    return json.loads(re.sub(r"\$\{\w+\}", "1", path.read_text()))


@cache
def _schemas(name: str) -> dict[str, Any]:
    folder = "googleapiclient/discovery_cache/documents"
    (path,) = environment().glob(f"lib/python*/site-packages/{folder}/{name}.json")
    schemas: dict[str, Any] = json.loads(path.read_text())["schemas"]
    return schemas


def _faults(schemas: dict[str, Any], name: str, value: Any) -> Iterator[str]:
    yield from _wrong(schemas, {"$ref": name}, value, "")


def _wrong(schemas: dict[str, Any], schema: dict[str, Any], value: Any, at: str) -> Iterator[str]:
    schema = schemas[schema["$ref"]] if "$ref" in schema else schema
    kind = schema.get("type", "any")
    if kind in _KINDS and not isinstance(value, _KINDS[kind]):
        yield f"{at or '.'} is {type(value).__name__}, not {kind}"
    elif kind == "object":
        members, others = schema.get("properties", {}), schema.get("additionalProperties")
        for member, one in value.items():
            known = members.get(member) or others
            if known is None:
                yield f"{at}.{member}: there is no such member"
            else:
                yield from _wrong(schemas, known, one, f"{at}.{member}")
    elif kind == "array":
        for index, one in enumerate(value):
            yield from _wrong(schemas, schema["items"], one, f"{at}[{index}]")
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{at} is {value}, not one of {', '.join(schema['enum'])}"
