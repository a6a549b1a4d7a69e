"""The port of each process: a default that gives way when busy, or strictly what was asked for."""

from collections.abc import Container, Mapping
from typing import Final

from deploy.local.process import free_port

DEFAULTS: Final[Mapping[str, int]] = {
    "ingest": 8080,
    "generator": 8081,
    "notifier": 8082,
    "pubsub": 8085,
    "firestore": 8086,
    "storage": 9023,
    "vertex": 8090,
    "sink": 8091,
    "relay": 8092,
}
ANY: Final[Mapping[str, str]] = {f"{name.upper()}_PORT": "0" for name in DEFAULTS}
"""Variables that ask for any free port, for stacks beside another one."""
_PORTS: Final = range(2**16)


class PortTaken(RuntimeError):
    """A port that was asked for cannot be had; the text names its variable."""


def variable(name: str) -> str:
    """``INGEST_PORT`` of ``ingest``; the value 0 asks for any free port."""
    return f"{name.upper()}_PORT"


def choose(env: Mapping[str, str]) -> dict[str, int]:
    """A port for each process, all different and free now.

    Raises:
        PortTaken: a variable names a port that is busy, or none.
    """
    ports: dict[str, int] = {}
    for name in DEFAULTS:
        if env.get(variable(name)):
            ports[name] = _exactly(variable(name), env[variable(name)], ports.values())
    for name, default in DEFAULTS.items():
        if name not in ports:
            ports[name] = _preferably(default, ports.values())
    return ports


def _exactly(asked_by: str, value: str, used: Container[int]) -> int:
    if not value.isdecimal() or int(value) not in _PORTS:
        raise PortTaken(f"{asked_by}={value} is no port: use 1 to 65535, or 0 for any")
    port = int(value)
    if port and (port in used or free_port(port) != port):
        raise PortTaken(f"{asked_by}={value} is taken: choose another, or leave it unset")
    return port or _preferably(0, used)


def _preferably(port: int, used: Container[int]) -> int:
    found = free_port(port)
    while found in used:
        found = free_port()
    return found
