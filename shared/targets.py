"""Where a webhook may go: judged by the URL at submit, by its addresses too at each attempt.

Syntax: RFC 3986; stricter where parsers are known to read one URL as two different hosts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import ip_network
from typing import Final

from shared import addresses as table
from shared.addresses import Address, Network

MAX_LENGTH: Final = 2048
PORTS: Final = (443, 8443)
_USUAL: Final = {"https": 443, "http": 80}
_PRINTABLE: Final = re.compile(r"[!-~]+")
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?]*)([^?]*)(.*)")
_AUTHORITY: Final = re.compile(r"(\[[0-9a-f.]*:[0-9a-f:.]+\]|[^\[\]:]+)(?::([1-9][0-9]{0,4}))?")
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_NUMERIC: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
"""What resolvers take for an address, in forms that other parsers read differently."""
_GOOGLES: Final = re.compile(
    r"metadata|(?:.*\.)?(?:metadata\.goog|google\.internal|googleapis\.com)"
)
_INNER: Final = re.compile(r"[^.:]+|.*\.(?:localhost|local|internal|onion|home\.arpa)")
_PATTERN: Final = re.compile(r"[a-z0-9_.:*?-]+")


class TargetNotAllowed(ValueError):
    """This URL will never be called; the text says what is wrong with it, ``cure`` what helps."""

    code: Final = "target_not_allowed"
    cure: Final = (
        "Use an https URL of a public host, on port 443 or 8443, of at most "
        f"{MAX_LENGTH} characters, without user, password or fragment."
    )


@dataclass(frozen=True, slots=True)
class Place:
    """A URL taken apart once, for check and connection alike: two parsers are two opinions.

    ``host`` is in lower case, an IPv6 address without brackets; ``path`` holds the query too.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as a ``Host`` header names them: the scheme's own port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _USUAL.get(self.scheme) else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class _Entry:
    """What an operator allows: one host, or a block of addresses, perhaps on one port only."""

    name: str = ""
    network: Network | None = None
    port: int = 0

    def covers(self, place: Place, address: Address | None) -> bool:
        if self.port not in (0, place.port):
            return False
        if self.network is None:
            return self.name == place.host
        return address is not None and address in self.network


class Targets:
    """The rules of one deployment; thread-safe."""

    def __init__(self, allowed: str = "", refused: str = "") -> None:
        """Two lists, separated by commas.

        *allowed*: hosts and addresses (``host``, ``host:port``) and CIDR blocks that may be
        called with plain http, on any port, and if they are private. A host or an address is
        matched as the URL writes it, an address or a block also with what a name resolves to:
        then it lifts the rule about addresses only.
        *refused*: host names of our own, ``*`` for any part.

        Raises:
            ValueError: an entry that cannot be read.
        """
        self._allowed = tuple(_entry(text) for text in _entries(allowed))
        self._refused = tuple(_pattern(text) for text in _entries(refused))

    def check(self, url: str) -> None:
        """Return when nothing that *url* itself tells speaks against calling it.

        Raises:
            TargetNotAllowed: it must not be called.
        """
        place = parse(url)
        address = table.read(place.host)
        if _GOOGLES.fullmatch(place.host) or (address and table.is_never(address)):
            raise TargetNotAllowed("must not name an inner service of Google Cloud")
        if self._covered(place, address):
            if place.scheme not in _USUAL:
                raise TargetNotAllowed("must start with https:// or http://")
            return
        self._check_stranger(place, address)

    def check_addresses(self, url: str, addresses: Sequence[str]) -> None:
        """Return when every one of *addresses*, which the host of *url* resolves to, is fine.

        Raises:
            TargetNotAllowed: one of them is not, or there is none; the text does not tell which.
        """
        place = parse(url)
        if not addresses or not all(self._passes(place, one) for one in addresses):
            raise TargetNotAllowed("must not lead to a private or special address")

    def _passes(self, place: Place, text: str) -> bool:
        address = table.read(text)
        if address is None or table.is_never(address):
            return False
        return table.is_public(address) or self._covered(place, address)

    def _covered(self, place: Place, address: Address | None) -> bool:
        return any(entry.covers(place, address) for entry in self._allowed)

    def _check_stranger(self, place: Place, address: Address | None) -> None:
        if place.scheme != "https":
            raise TargetNotAllowed("must start with https://")
        if place.port not in PORTS:
            raise TargetNotAllowed("must use port 443 or 8443")
        if address and not table.is_public(address):
            raise TargetNotAllowed("must not name a private or special address")
        if _INNER.fullmatch(place.host):
            raise TargetNotAllowed("must name a public host")
        if any(fnmatchcase(place.host, pattern) for pattern in self._refused):
            raise TargetNotAllowed("must not name a host of this service")


def parse(url: str) -> Place:
    """Take *url* apart.

    Raises:
        TargetNotAllowed: not everybody would read it alike.
    """
    if len(url) > MAX_LENGTH:
        raise TargetNotAllowed(f"must have at most {MAX_LENGTH} characters")
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise TargetNotAllowed("must be printable ASCII: percent-encode everything else")
    if "#" in url:
        raise TargetNotAllowed("must not hold a fragment")
    parts = _URL.fullmatch(url)
    scheme, authority, path, query = parts.groups() if parts else ("", "", "", "")
    if "@" in authority:
        raise TargetNotAllowed("must not hold a user or a password")
    host, port = _host_and_port(authority)
    scheme = scheme.lower()
    return Place(scheme, host, port or _USUAL.get(scheme, 0), (path or "/") + query)


def _host_and_port(authority: str) -> tuple[str, int]:
    """Both in their one form; port 0: none is given."""
    parts = _AUTHORITY.fullmatch(authority.lower())
    host, port = parts.groups("0") if parts else ("", "0")
    if not _is_host(host) or int(port) > 65535:  # noqa: PLR2004 - the largest port
        raise TargetNotAllowed("must name a host, and a port from 1 to 65535 if any")
    return host.strip("[]"), int(port)


def _is_host(host: str) -> bool:
    if host.startswith("["):
        return _is_address(host.strip("[]"))
    if _NUMERIC.fullmatch(host) and not _is_address(host):
        raise TargetNotAllowed("must write an address as four decimal numbers")
    return bool(_NAME.fullmatch(host))


def _is_address(text: str) -> bool:
    return table.read(text) is not None


def _entries(text: str) -> list[str]:
    return [part.strip().lower() for part in text.split(",") if part.strip()]


def _entry(text: str) -> _Entry:
    """*text* as ``host``, ``host:port``, address, ``address:port`` or CIDR block."""
    try:
        if "/" in text or _is_address(text):
            return _Entry(network=ip_network(text))
        host, port = _host_and_port(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no target to allow: write host, host:port, an address or a CIDR block "
            "(10.0.0.0/8), without scheme and path"
        ) from None
    if address := table.read(host):
        return _Entry(network=ip_network(address), port=port)
    return _Entry(name=host, port=port)


def _pattern(text: str) -> str:
    if not _PATTERN.fullmatch(text):
        raise ValueError(f"{text!r} is no host name to refuse; * stands for any part")
    return text
