import socket
from collections.abc import Iterator

import pytest

from deploy.local.ports import ANY, DEFAULTS, PortTaken, choose


@pytest.fixture
def busy() -> Iterator[int]:
    """A port below the ephemeral range that somebody else listens on."""
    with socket.socket() as taken:
        for port in range(21_000, 32_000):
            try:
                taken.bind(("127.0.0.1", port))
            except OSError:
                continue
            taken.listen()
            yield port
            return


def test_a_busy_default_gives_way(busy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.local.ports.DEFAULTS", {"ingest": busy, "relay": busy})

    ports = choose({})

    assert busy not in ports.values()
    assert len(set(ports.values())) == 2
    assert all(port < 32_768 for port in ports.values())


def test_what_was_asked_for_is_taken_or_refused(busy: int) -> None:
    free = choose(ANY)["ingest"]

    assert choose({**ANY, "SINK_PORT": str(free)})["sink"] == free
    with pytest.raises(PortTaken, match=f"SINK_PORT={busy} is taken"):
        choose({**ANY, "SINK_PORT": str(busy)})
    with pytest.raises(PortTaken, match="is taken"):
        choose({**ANY, "SINK_PORT": str(free), "RELAY_PORT": str(free)})


@pytest.mark.parametrize("value", ["http", "-1", "65536", "80.0", "²"])
def test_what_is_no_port_is_refused(value: str) -> None:
    with pytest.raises(PortTaken, match="is no port: use 1 to 65535"):
        choose({**ANY, "RELAY_PORT": value})


def test_a_default_that_another_asked_for_gives_way() -> None:
    wanted = choose(ANY)["storage"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deploy.local.ports.DEFAULTS", {"ingest": wanted, "storage": 1})

        ports = choose({"STORAGE_PORT": str(wanted)})

    assert ports["storage"] == wanted != ports["ingest"]


def test_zero_takes_any() -> None:
    ports = choose(ANY)

    assert ports.keys() == DEFAULTS.keys()
    assert len(set(ports.values())) == len(ports)
    assert not set(ports.values()) & set(DEFAULTS.values())
