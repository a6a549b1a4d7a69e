"""Every setting that a service reads is set in Terraform or named as left, and no other is."""

import re
from collections.abc import Iterator
from typing import Final

from pydantic_settings import BaseSettings

from deploy.checks.fault import refuse
from deploy.checks.tools import ROOT
from services.generator.config import Settings as Generator
from services.ingest.config import Settings as Ingest
from services.notifier.config import Settings as Notifier

FILE: Final = ROOT / "deploy" / "terraform" / "settings.tf"
SERVICES: Final[dict[str, type[BaseSettings]]] = {
    "ingest": Ingest,
    "generator": Generator,
    "notifier": Notifier,
}
MAPS: Final = ("env", "secret_env", "left_at_default")
_KEY: Final = re.compile(r"(?:^|[{,(]|\n)\s*([A-Z][A-Z0-9_]*)\s*=(?!=)")
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_COMMENT: Final = re.compile(r"^\s*#.*$", re.MULTILINE)


def check() -> str:
    """Compares ``services/*/config.py`` with ``settings.tf``, both ways. Raises Fault."""
    text = _STRING.sub('""', _COMMENT.sub("", FILE.read_text()))
    refuse(
        [fault for service in SERVICES for fault in _faults(text, service)],
        "Name it in `env`, `secret_env` or `left_at_default` (with its reason) of settings.tf.",
    )
    return f"{sum(len(settings.model_fields) for settings in SERVICES.values())} settings"


def _faults(text: str, service: str) -> Iterator[str]:
    read = {field.upper() for field in SERVICES[service].model_fields}
    needed = {
        field.upper()
        for field, info in SERVICES[service].model_fields.items()
        if info.is_required()
    }
    named = {name: keys(text, name, service) for name in MAPS}
    for name in sorted(read - set().union(*named.values())):
        yield f"{service} reads {name}, which no map names"
    for name in sorted(set().union(*named.values()) - read):
        yield f"{service} does not read {name}, which is named for it"
    for name in sorted(needed & named["left_at_default"]):
        yield f"{service} cannot start without {name}, which is left at its default"
    for name in sorted(named["env"] & (named["left_at_default"] | named["secret_env"])):
        yield f"{service}: {name} is named twice"


def keys(text: str, name: str, service: str) -> set[str]:
    """Variables that map *name* has for *service*, those of the maps that it merges included."""
    return _keys(text, _value(_value(text, name), service))


def _keys(text: str, value: str) -> set[str]:
    found = set(_KEY.findall(value))
    merged = re.match(r"merge\(\s*((?:local\.\w+,\s*)+)", value)
    for other in re.findall(r"local\.(\w+)", merged[1] if merged else ""):
        found |= _keys(text, _value(text, other))
    return found


def _value(text: str, name: str) -> str:
    """What stands after ``NAME =``, up to where its brackets are closed; empty without it."""
    start = re.search(rf"^\s*{name}\s*=\s*(?=\S)", text, re.MULTILINE)
    if not start:
        return ""
    depth = 0
    for end in range(start.end(), len(text)):
        depth += {"{": 1, "(": 1, "[": 1, "}": -1, ")": -1, "]": -1}.get(text[end], 0)
        if depth <= 0 and text[end] in "\n})]":
            # `a ? {} : {...}` goes on behind its first map.
            if text[end] != "\n" and text[end + 1 : end + 3] == " :":
                continue
            return text[start.end() : end + 1]
    return text[start.end() :]
