import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.notifier.resolver import (
    PER_DOMAIN,
    THREADS,
    Resolver,
    Unresolved,
    _domain,
    system_resolve,
)
from services.notifier.wire import Clock

SECONDS = 0.3


class NameServers:
    """Those of ``slow*`` say nothing until ``over``; ``asked`` holds every look-up."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.asked: list[str] = []
        self.answers: list[str] = ["93.184.216.34"]

    def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if "slow" in host:
            self.over.wait(20)
        return [*self.answers]


@pytest.fixture
def servers() -> Iterator[NameServers]:
    servers = NameServers()
    yield servers
    servers.over.set()


def look_up(resolver: Resolver, host: str = "hooks.example", seconds: float = 5) -> list[str]:
    return resolver.addresses(host, 443, Clock(seconds))


def trouble(resolver: Resolver, host: str = "hooks.example", seconds: float = SECONDS) -> str:
    with pytest.raises(Unresolved) as raised:
        look_up(resolver, host, seconds)
    return raised.value.code


def raising(error: OSError) -> Resolver:
    def resolve(*_: object) -> list[str]:
        raise error

    return Resolver(resolve)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (socket.EAI_NONAME, "dns_error"),
        (socket.EAI_NODATA, "dns_error"),
        (socket.EAI_FAIL, "dns_error"),
        (socket.EAI_AGAIN, "dns_unavailable"),
        (socket.EAI_SYSTEM, "dns_unavailable"),
        (socket.EAI_MEMORY, "dns_unavailable"),
    ],
)
def test_a_verdict_about_the_name_is_its_fault_all_else_is_ours(number: int, code: str) -> None:
    assert trouble(raising(socket.gaierror(number, "no"))) == code


def test_no_socket_left_is_our_trouble() -> None:
    assert trouble(raising(OSError(24, "too many open files"))) == "dns_unavailable"


def test_no_address_at_all(servers: NameServers) -> None:
    servers.answers = []
    assert trouble(Resolver(servers.resolve)) == "dns_error"


def test_all_addresses_once_and_ipv4_first(servers: NameServers) -> None:
    servers.answers = ["::1", "127.0.0.2", "::1", "127.0.0.1"]
    assert look_up(Resolver(servers.resolve)) == ["127.0.0.2", "127.0.0.1", "::1"]
    assert servers.asked == ["hooks.example"]


@pytest.mark.parametrize("literal", ["93.184.216.34", "::1", "::ffff:127.0.0.1"])
def test_an_address_is_not_looked_up(literal: str, servers: NameServers) -> None:
    assert look_up(Resolver(servers.resolve), literal) == [literal]
    assert servers.asked == []


def test_a_look_up_ends_with_the_clock_and_is_our_trouble(servers: NameServers) -> None:
    resolver = Resolver(servers.resolve)
    start = time.monotonic()
    assert trouble(resolver, "slow.example") == "dns_unavailable"
    assert SECONDS - 0.05 <= time.monotonic() - start < SECONDS + 0.6
    assert look_up(resolver) == ["93.184.216.34"]


def keep_busy(resolver: Resolver, domain: str) -> None:
    """As many look-ups of *domain* as may be open, given up by now, their threads held."""
    hosts = [f"h{n}.{domain}" for n in range(PER_DOMAIN)]
    threads = [threading.Thread(target=trouble, args=(resolver, host)) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def soon(resolver: Resolver, host: str) -> str:
    start = time.monotonic()
    code = trouble(resolver, host, seconds=5)
    assert 1.9 < time.monotonic() - start < 2.5
    return code


def until(settled: object) -> None:
    assert callable(settled)
    for _ in range(500):
        if settled():
            return
        time.sleep(0.01)
    raise AssertionError("never settled")


def test_one_slow_name_server_takes_no_threads_from_others(servers: NameServers) -> None:
    resolver = Resolver(servers.resolve)
    keep_busy(resolver, "slow.example")
    asked = len(servers.asked)
    assert asked == PER_DOMAIN
    assert soon(resolver, "again.slow.example") == "dns_unavailable"
    assert soon(resolver, "slow.example") == "dns_unavailable"
    assert len(servers.asked) == asked
    assert look_up(resolver, "fine.other.example") == ["93.184.216.34"]


def test_when_every_thread_hangs_nobody_waits_and_all_is_well_again_after(
    servers: NameServers,
) -> None:
    resolver = Resolver(servers.resolve)
    for n in range(THREADS // PER_DOMAIN):
        keep_busy(resolver, f"slow{n}.example")
    assert len(servers.asked) == THREADS
    assert soon(resolver, "fine.other.example") == "dns_unavailable"
    assert len(servers.asked) == THREADS
    servers.over.set()
    until(lambda: not resolver._open)
    assert look_up(resolver, "fine.other.example") == ["93.184.216.34"]
    assert look_up(resolver, "slow0.example") == ["93.184.216.34"]


def test_a_burst_to_a_name_that_is_answered_for_finds_places() -> None:
    def resolve(_host: str, _port: int) -> list[str]:
        time.sleep(0.03)
        return ["93.184.216.34"]

    resolver = Resolver(resolve)
    with ThreadPoolExecutor(4 * PER_DOMAIN) as pool:
        found = list(pool.map(lambda n: look_up(resolver, f"h{n}.example"), range(4 * PER_DOMAIN)))
    assert found == [["93.184.216.34"]] * (4 * PER_DOMAIN)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a.hooks.example", "b.hooks.example", True),
        ("a.one.co.uk", "b.one.co.uk", True),
        ("one.co.uk", "two.co.uk", False),
        ("receiver", "other", False),
        ("hooks.example", "hooks.test", False),
    ],
)
def test_who_answers_for_a_name(one: str, other: str, same: bool) -> None:
    assert (_domain(one) == _domain(other)) is same


def test_a_look_up_that_fails_gives_its_place_back() -> None:
    resolver = raising(socket.gaierror(socket.EAI_NONAME, "no"))
    codes = {trouble(resolver) for _ in range(2 * THREADS)}
    assert codes == {"dns_error"}


def test_the_system_s_resolver_is_asked_for_an_absolute_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The search list of a network could make an inner host of a name that does not exist."""
    asked = []

    def getaddrinfo(host: object, *_: object, **__: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert system_resolve("hooks.example", 443) == ["93.184.216.34"]
    assert system_resolve("receiver", 443) == ["93.184.216.34"]
    assert asked == [b"hooks.example.", b"receiver"]


def test_the_system_s_resolver_knows_this_machine() -> None:
    assert {"127.0.0.1", "::1"} & {*system_resolve("localhost", 443)}
