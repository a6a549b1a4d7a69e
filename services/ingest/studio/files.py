"""The Studio's files, read once: types, hashes, and the version that all of them make up."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "assets"
PAGE: Final = "index.html"
_TYPES: Final[Mapping[str, str]] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_PLACE: Final = b"{assets}"
"""What stands in the page for the folder of the present version."""
_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served; *etag* without quotes."""

    body: bytes
    mime_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """The page, and what it loads, by file name."""

    version: str
    page: Asset
    assets: Mapping[str, Asset]


def load(folder: Path = FOLDER) -> Bundle:
    """Read *folder*; the page names its files by their version, so these may be kept for ever.

    Modules import each other by relative names, so they stay within one version, too.

    Raises:
        KeyError: a file of a type that the Studio has no use for.
    """
    bodies = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    version = _digest(b"".join(name.encode() + body for name, body in bodies.items()))
    page = bodies.pop(PAGE).replace(_PLACE, f"/studio/{version}".encode())
    assets = {name: _asset(name, body) for name, body in bodies.items()}
    return Bundle(version, _asset(PAGE, page), assets)


def _asset(name: str, body: bytes) -> Asset:
    return Asset(body, _TYPES[Path(name).suffix], _digest(body))


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:_DIGITS]
