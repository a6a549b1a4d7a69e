"""Where a webhook may go, judged by the URL alone: at submit, and again at every send.

Syntax: RFC 3986; stricter where parsers are known to read one URL as two different hosts.
"""

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

MAX_LENGTH: Final = 2048
_PORTS: Final = {"https": 443, "http": 80}
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_PRINTABLE: Final = re.compile(r"[!-~]+")


class TargetNotAllowed(ValueError):
    """This URL will never be called; the text says what is wrong with it, ``cure`` what helps."""

    code: Final = "target_not_allowed"
    cure: Final = (
        f"Use an https URL of at most {MAX_LENGTH} characters, without user, password or fragment."
    )


def check_target(url: str, allowed: frozenset[str]) -> None:
    """Return when *url* may be called; *allowed* origins may do without TLS.

    An origin is ``scheme://host:port``; the scheme's own port may be left out.

    Raises:
        TargetNotAllowed: it may not.
    """
    if len(url) > MAX_LENGTH:
        raise TargetNotAllowed(f"must have at most {MAX_LENGTH} characters")
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise TargetNotAllowed("must be printable ASCII: percent-encode everything else")
    if "#" in url:
        raise TargetNotAllowed("must not hold a fragment")
    parts = _split(url)
    if "@" in parts.netloc:
        raise TargetNotAllowed("must not hold a user or a password")
    if parts.scheme != "https" and not _origins(parts) & allowed:
        raise TargetNotAllowed("must start with https://")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        valid = parts.port != 0 and _is_host(parts)
    except ValueError:
        valid = False
    if not valid:
        raise TargetNotAllowed("must name a host, and a port from 1 to 65535 if any")
    return parts


def _is_host(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if "[" in parts.netloc:
        return ipaddress.IPv6Address(host).scope_id is None
    return bool(_NAME.fullmatch(host))


def _origins(parts: SplitResult) -> frozenset[str]:
    """Every way to write the origin."""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    bare = f"{parts.scheme}://{host}"
    usual = _PORTS.get(parts.scheme)
    port = parts.port or usual
    return frozenset({f"{bare}:{port}", *([bare] if port == usual else [])})
