import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from services.notifier.delivery import Answer
from services.notifier.egress import Egress
from shared.targets import Targets
from tests.support.authority import Authority
from tests.support.internet import Internet
from tests.support.loopback import BODY, OK, loopback, says
from tests.support.nameserver import name_server

SENDS = 200
PUBLIC, OTHER, SIX = "93.184.216.34", "93.184.216.35", "2606:2800:220:1::1"
NOBODY = Targets()
NOT_PUBLIC = [
    *("127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "224.0.0.1"),
    *("169.254.169.254", "192.88.99.1", "192.0.0.8", "199.36.153.8", "255.255.255.255"),
    *("::1", "::", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:7f00:1"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::", "ff0e::1", "fec0::1"),
    *("fe80::1", "fe80::1%lo", "fd20:ce::254", "3fff::1", "5f00::1", "2001:db8::1", "2001::1"),
]


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    return Internet(monkeypatch)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def send(authority: Authority) -> Callable[..., Answer]:
    """POST to a URL whose host resolves to the given addresses."""

    def send(url: str, *found: str, targets: Targets = NOBODY, seconds: float = 5) -> Answer:
        egress = Egress(
            targets=targets,
            seconds=seconds,
            tls=authority.trusting(),
            resolve=lambda host, port: [*found],
        )
        return egress.post(url, {}, BODY)

    return send


Send = Callable[..., Answer]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_name_that_leads_inwards_is_not_connected_to(
    internet: Internet, send: Send, address: str
) -> None:
    for found in ([address], [PUBLIC, address], [address, PUBLIC], [PUBLIC, OTHER, SIX, address]):
        for url in ("https://hooks.example/", "https://hooks.example:8443/"):
            assert send(url, *found).code == "target_not_allowed"
    assert internet.connects == []


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_in_a_url_that_leads_inwards_is_not_connected_to(
    internet: Internet, send: Send, address: str
) -> None:
    host = f"[{address}]" if ":" in address else address
    for url in (f"https://{host}/", f"http://{host}/", f"https://{host}:8443/"):
        assert send(url, PUBLIC).code == "target_not_allowed"
    assert internet.connects == []


@pytest.mark.parametrize(
    "url",
    [
        *("http://hooks.example/", "https://hooks.example:22/", "https://u:p@hooks.example/"),
        *("https://127.1/", "https://0x7f.1/", "https://2130706433/", "https://017700000001/"),
        *("https://metadata/", "https://metadata.google.internal/", "https://localhost/"),
        *("https://127.0.0.1./", "https://[127.0.0.1]/", "ftp://hooks.example/", "nonsense", ""),
    ],
)
def test_a_target_that_is_not_allowed_is_not_even_looked_up(internet: Internet, url: str) -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise AssertionError(f"looked up {host}")

    egress = Egress(targets=NOBODY, seconds=5, resolve=resolve)
    assert egress.post(url, {}, BODY).code == "target_not_allowed"
    assert internet.connects == []


def test_a_name_that_moves_inwards_between_look_ups_gets_nowhere(
    internet: Internet, authority: Authority
) -> None:
    """Each name is public when it is first asked for, and loopback ever after."""
    tls, _ = authority.server(*(f"n{n}.rebind.example" for n in range(SENDS)))

    def flipping(_: str, time: int) -> list[str]:
        return [PUBLIC] if time == 1 else ["127.0.0.1"]

    with name_server(flipping) as names, loopback(says(OK), tls) as server:
        internet.routes[PUBLIC] = ("127.0.0.1", server.port)
        egress = Egress(targets=NOBODY, seconds=5, tls=authority.trusting(), resolve=names.resolve)
        urls = [f"https://n{n}.rebind.example/" for n in range(SENDS)]
        first = [egress.post(url, {}, BODY) for url in urls]
        once = dict(names.asked)
        again = [egress.post(url, {}, BODY) for url in urls]
    assert {answer.status for answer in first} == {200}
    assert once == {f"n{n}.rebind.example": 1 for n in range(SENDS)}
    assert {answer.code for answer in again} == {"target_not_allowed"}
    assert internet.connects == [(PUBLIC, 443)] * SENDS
    assert len(server.seen) == SENDS


def test_a_name_that_flips_all_the_time_is_called_only_while_it_is_public(
    internet: Internet, authority: Authority
) -> None:
    tls, _ = authority.server("flip.example")
    inwards = ["127.0.0.1", "169.254.169.254", "10.0.0.1"]

    def flipping(_: str, time: int) -> list[str]:
        return [PUBLIC] if time % 2 else [inwards[time % 3]]

    with name_server(flipping) as names, loopback(says(OK), tls) as server:
        internet.routes[PUBLIC] = ("127.0.0.1", server.port)
        egress = Egress(targets=NOBODY, seconds=5, tls=authority.trusting(), resolve=names.resolve)
        answers = [egress.post("https://flip.example/", {}, BODY) for _ in range(SENDS)]
    assert names.asked["flip.example"] == SENDS
    assert [answer.status for answer in answers] == [200, 0] * (SENDS // 2)
    assert internet.connects == [(PUBLIC, 443)] * (SENDS // 2)


def test_name_and_certificate_are_those_of_the_url(
    internet: Internet, authority: Authority, send: Send
) -> None:
    tls, asked = authority.server("hooks.example")
    with loopback(says(OK), tls) as server:
        internet.routes[PUBLIC] = ("127.0.0.1", server.port)
        assert send("https://HOOKS.example:8443/x", PUBLIC).status == 200
        assert send("https://hooks.example/x", PUBLIC).status == 200
        assert send("https://other.example/", PUBLIC).code == "tls_error"
        assert send(f"https://{PUBLIC}/").code == "tls_error"
    assert internet.connects == [(PUBLIC, 8443), *[(PUBLIC, 443)] * 3]
    assert asked == ["hooks.example", "hooks.example", "other.example", None]
    hosts = [line for seen in server.seen for line in seen.split(b"\r\n") if b"Host:" in line]
    assert hosts == [b"Host: hooks.example:8443", b"Host: hooks.example"]


@pytest.mark.parametrize("host", ["a_b.example", "xn--0.example", "1a.x-y.example"])
def test_a_name_that_is_odd_is_sent_as_it_is(
    internet: Internet, authority: Authority, send: Send, host: str
) -> None:
    tls, asked = authority.server("other.example")
    with loopback(says(OK), tls) as server:
        internet.routes[PUBLIC] = ("127.0.0.1", server.port)
        assert send(f"https://{host}/", PUBLIC).code == "tls_error"
    assert asked == [host]


def test_an_address_in_a_url_needs_a_certificate_for_it(
    internet: Internet, authority: Authority, send: Send
) -> None:
    tls, _ = authority.server(PUBLIC, SIX)
    with loopback(says(OK), tls) as server, loopback(says(OK), tls, "::1") as six:
        internet.routes[PUBLIC] = ("127.0.0.1", server.port)
        internet.routes[SIX] = ("::1", six.port)
        assert send(f"https://{PUBLIC}/").status == 200
        assert send(f"https://[{SIX}]/").status == 200
        assert send(f"https://[{SIX}]:8443/").status == 200
    assert b"Host: [2606:2800:220:1::1]\r\n" in six.seen[0]
    assert b"Host: [2606:2800:220:1::1]:8443\r\n" in six.seen[1]


def test_a_certificate_that_nobody_vouches_for(
    internet: Internet, authority: Authority, tmp_path: Path
) -> None:
    tls, _ = Authority(tmp_path).server("hooks.example")
    with loopback(says(OK), tls) as server:
        internet.routes[PUBLIC] = ("127.0.0.1", server.port)
        for trusted in (authority.trusting(), None):
            egress = Egress(targets=NOBODY, seconds=5, tls=trusted, resolve=lambda *_: [PUBLIC])
            assert egress.post("https://hooks.example/", {}, BODY).code == "tls_error"
    assert server.seen == []


def test_plain_http_on_a_tls_port(internet: Internet, send: Send) -> None:
    with loopback(says(OK)) as server:
        internet.routes[PUBLIC] = ("127.0.0.1", server.port)
        assert send("https://hooks.example/", PUBLIC).code == "tls_error"


def test_the_next_address_is_tried_when_one_refuses(
    internet: Internet, authority: Authority, send: Send
) -> None:
    tls, _ = authority.server("hooks.example")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        internet.routes[PUBLIC] = closed.getsockname()
    with loopback(says(OK), tls) as server:
        internet.routes[OTHER] = internet.routes[SIX] = ("127.0.0.1", server.port)
        answer = send("https://hooks.example/", SIX, PUBLIC, OTHER, PUBLIC)
    assert answer.status == 200
    assert internet.connects == [(PUBLIC, 443), (OTHER, 443)]  # IPv4 first, each once
    assert len(server.seen) == 1


def test_no_more_than_three_addresses_are_tried(internet: Internet, send: Send) -> None:
    many = [f"93.184.216.{n}" for n in range(9)]
    with socket.create_server(("127.0.0.1", 0)) as closed:
        internet.routes |= {one: closed.getsockname() for one in many}
    assert send("https://hooks.example/", *many).code == "connection_refused"
    assert internet.connects == [(one, 443) for one in many[:3]]


def test_once_bytes_were_sent_no_other_address_is_tried(
    internet: Internet, authority: Authority, send: Send
) -> None:
    tls, _ = authority.server("hooks.example")
    with loopback(lambda _: None, tls) as rude, loopback(says(OK), tls) as spare:
        internet.routes[PUBLIC] = ("127.0.0.1", rude.port)
        internet.routes[OTHER] = ("127.0.0.1", spare.port)
        assert send("https://hooks.example/", PUBLIC, OTHER).code == "network_error"
    assert (len(rude.seen), spare.accepted) == (1, 0)


def test_an_operator_may_open_private_targets(
    internet: Internet, authority: Authority, send: Send
) -> None:
    tls, _ = authority.server("hooks.example")
    by_name, by_block = Targets("sink.internal:8080"), Targets("10.0.0.0/8")
    with loopback(says(OK)) as plain, loopback(says(OK), tls) as secured:
        internet.routes["10.1.1.1"] = ("127.0.0.1", plain.port)
        internet.routes["10.2.2.2"] = ("127.0.0.1", secured.port)
        to = partial(send, targets=by_name)
        assert to("http://sink.internal:8080/", "10.1.1.1").status == 200
        assert to("http://sink.internal:8080/", "169.254.169.254").code == "target_not_allowed"
        assert to("http://sink.internal:8081/", "10.1.1.1").code == "target_not_allowed"
        to = partial(send, targets=by_block)
        assert to("http://10.1.1.1:9000/").status == 200
        assert to("https://hooks.example/", "10.2.2.2").status == 200
        assert to("https://hooks.example/", "10.2.2.2", "192.168.0.1").code == "target_not_allowed"
        assert to("http://hooks.example/", "10.2.2.2").code == "target_not_allowed"
    assert internet.connects == [("10.1.1.1", 8080), ("10.1.1.1", 9000), ("10.2.2.2", 443)]
