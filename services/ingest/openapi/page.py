"""``/docs``: the document as one page of HTML, rendered here, without anything from elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.ingest.openapi import reading

FOLDER: Final = Path(__file__).parent / "assets"
_METHODS: Final = ("get", "post", "put", "patch", "delete")


def render(document: Mapping[str, Any]) -> str:
    """The whole page."""
    loader = FileSystemLoader(FOLDER)
    pages = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["prose"] = reading.prose
    return pages.get_template("docs.html").render(
        document=document,
        groups=_groups(document),
        hooks={name: path["post"] for name, path in document["webhooks"].items()},
        schemas=document["components"]["schemas"],
        refusals=reading.refusals(),
        endings=reading.endings(),
        r=reading,
    )


def _groups(document: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Tag -> its operations, each with its method and path."""
    groups: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in document["tags"]}
    base = document["servers"][0]["url"]
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                one = methods[method]
                shell = reading.curl(method, f"{base}{path}", one)
                groups[one["tags"][0]].append(
                    {"method": method, "path": path, "curl": shell, **one}
                )
    return groups
