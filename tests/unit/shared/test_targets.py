import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.addresses import is_public, read
from shared.targets import MAX_LENGTH, Place, TargetNotAllowed, Targets, parse

STRANGERS = Targets()
ALLOWED = Targets(
    "localhost, sink.corp.internal ,receiver:9000,127.0.0.0/8,::1/128,10.1.2.3:8080,[fd00::1]:70,"
    "198.51.100.7,93.184.216.0/24,169.254.0.0/16,199.36.153.8,googleapis.com,metadata"
)


def refusal(targets: Targets, url: str) -> str:
    with pytest.raises(TargetNotAllowed) as refused:
        targets.check(url)
    assert refused.value.code == "target_not_allowed"
    assert "https" in refused.value.cure
    return str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com",
        "https://hooks.example.com/a/b?c=d&e=%20",
        "https://hooks.example.com?c=d",
        "HTTPS://Hooks.Example.com:8443/",
        "https://hooks.example.com:443/",
        "https://xn--fsq.example/",
        "https://a_b.example/@not-a-user?x=@",
        "https://a.example/http://127.0.0.1/?u=https://x@y/",
        "https://[2606:4700::1111]:443/x",
        "https://93.184.216.34/",
        "https://127.0.0.1.example/",
        "https://0x7f.1.example/",
        "https://localhost.example/",
        "https://metadata.example/",
        "https://googleapis.com.example/",
        "https://h.example/" + "a" * (MAX_LENGTH - 18),
    ],
)
def test_these_may_be_called(url: str) -> None:
    STRANGERS.check(url)
    ALLOWED.check(url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://user@hooks.example.com/", "user"),
        ("https://user:secret@hooks.example.com/", "user"),
        ("https://@hooks.example.com/", "user"),
        ("http://127.0.0.1:8091@evil.example/", "user"),
        ("https://evil.example@127.0.0.1/", "user"),
        ("https://hooks.example.com%2f@evil/", "user"),
        ("https://hooks.example.com/#part", "fragment"),
        ("https://hooks.example.com/#", "fragment"),
        ("http://127.0.0.1:8091#@evil.example/", "fragment"),
        ("https://hooks.example.com/a b", "ASCII"),
        ("https://hooks.example.com/\n", "ASCII"),
        ("https://hooks.example.com/\r\nX-Header: y", "ASCII"),
        (" https://hooks.example.com/", "ASCII"),
        ("https://hooks.example.com/\x00", "ASCII"),
        ("https://hooks.example.com/\x7f", "ASCII"),
        ("https://häuser.example/", "ASCII"),
        ("https://hooks.example.com/ü", "ASCII"),
        ("https://hooks。example。com/", "ASCII"),
        ("https://\uff11\uff12\uff17.0.0.1/", "ASCII"),
        ("https://①②⑦.0.0.1/", "ASCII"),
        ("https://127\u200b.0.0.1/", "ASCII"),
        ("http://127.0.0.1:8091\\@evil.example/", "ASCII"),
        ("https:\\\\hooks.example.com/", "ASCII"),
        ("", "ASCII"),
        ("hooks.example.com", "host"),
        ("//hooks.example.com/", "host"),
        ("https:hooks.example.com", "host"),
        ("https:/hooks.example.com", "host"),
        ("https:///path", "host"),
        ("https://?x", "host"),
        ("https://:443/", "host"),
        ("mailto:a@b.example", "host"),
        ("javascript:alert(1)", "host"),
        ("https://hooks.example.com:/", "port"),
        ("https://hooks.example.com:0/", "port"),
        ("https://hooks.example.com:0443/", "port"),
        ("https://hooks.example.com:65536/", "65535"),
        ("https://hooks.example.com:99999/", "65535"),
        ("http://localhost:65536/", "65535"),
        ("https://hooks.example.com:-1/", "port"),
        ("https://hooks.example.com:+443/", "port"),
        ("https://hooks.example.com:x/", "port"),
        ("https://hooks.example.com:443:443/", "port"),
        ("https://[::1/", "host"),
        ("https://::1/", "host"),
        ("https://[127.0.0.1]/", "host"),
        ("https://[fe80::1%25eth0]/", "host"),
        ("https://[v1.x]/", "host"),
        ("https://[::1]x/", "host"),
        ("https://x[::1]/", "host"),
        ("https://a..b/", "host"),
        ("https://.example/", "host"),
        ("https://hooks.example.com./", "host"),
        ("https://127.0.0.1./", "host"),
        ("https://localhost./", "host"),
        ("https://-a.example/", "host"),
        ("https://*.example/", "host"),
        ("https://" + "a" * 64 + ".example/", "host"),
        ("https://" + "a." * 127 + "example/", "host"),
        ("https://hooks.example.com,evil.example/", "host"),
        ("https://hooks.example.com;evil/", "host"),
        ("https://hooks%2eexample.com/", "host"),
        ("https://127%2e0.0.1/", "decimal"),
        ("https://h.example/" + "a" * (MAX_LENGTH - 17), "2048"),
        ("https://127.1/", "decimal"),
        ("https://127.0.1/", "decimal"),
        ("https://0x7f.1/", "decimal"),
        ("https://0x7F.0.0.1/", "decimal"),
        ("https://0X7F000001/", "decimal"),
        ("https://0x7f000001/", "decimal"),
        ("https://0x/", "decimal"),
        ("https://1.2.3.0x/", "decimal"),
        ("https://2130706433/", "decimal"),
        ("https://017700000001/", "decimal"),
        ("https://0177.0.0.1/", "decimal"),
        ("https://127.0.0.01/", "decimal"),
        ("https://127.0.0.1.1/", "decimal"),
        ("https://127.0.0.256/", "decimal"),
        ("https://4294967296/", "decimal"),
        ("https://0/", "decimal"),
        ("https://a.example.1/", "decimal"),
        ("https://metadata/computeMetadata/v1/", "Google"),
        ("https://metadata.google.internal/", "Google"),
        ("https://METADATA.google.internal:8443/", "Google"),
        ("https://metadata.goog/", "Google"),
        ("https://x.c.my-project.google.internal/", "Google"),
        ("https://storage.googleapis.com/", "Google"),
        ("https://firestore.googleapis.com/", "Google"),
        ("https://googleapis.com/", "Google"),
        ("http://169.254.169.254/computeMetadata/v1/", "Google"),
        ("https://169.254.169.254/", "Google"),
        ("https://[::ffff:169.254.169.254]/", "Google"),
        ("https://[::ffff:a9fe:a9fe]/", "Google"),
        ("https://[fd20:ce::254]/", "Google"),
        ("https://[fd20:ce:0::0254]/", "Google"),
        ("https://199.36.153.8/", "Google"),
        ("https://[2600:2d00:2:2000::]/", "Google"),
    ],
)
def test_these_may_not_whatever_an_operator_allows(url: str, reason: str) -> None:
    assert reason in refusal(STRANGERS, url)
    assert reason in refusal(ALLOWED, url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://hooks.example.com/", "https"),
        ("http://127.0.0.1:8091/", "https"),
        ("ftp://hooks.example.com/", "https"),
        ("gopher://127.0.0.1:8091/", "https"),
        ("file://hooks.example.com/etc/passwd", "https"),
        ("https://hooks.example.com:80/", "443"),
        ("https://hooks.example.com:22/", "443"),
        ("https://hooks.example.com:4430/", "443"),
        ("https://127.0.0.1/", "private"),
        ("https://10.1.2.3/", "private"),
        ("https://0.0.0.0/", "private"),
        ("https://[::1]/", "private"),
        ("https://[::]/", "private"),
        ("https://[::ffff:127.0.0.1]/", "private"),
        ("https://[::127.0.0.1]/", "private"),
        ("https://[64:ff9b::7f00:1]/", "private"),
        ("https://[2001:db8::1]/", "private"),
        ("https://[fd00::1]/", "private"),
        ("https://localhost/", "public host"),
        ("https://receiver/", "public host"),
        ("https://a.localhost/", "public host"),
        ("https://printer.local/", "public host"),
        ("https://sink.corp.internal/", "public host"),
        ("https://kubernetes.default.svc.cluster.local/", "public host"),
        ("https://router.home.arpa/", "public host"),
        ("https://abc.onion/", "public host"),
    ],
)
def test_these_may_not_unless_an_operator_allows_them(url: str, reason: str) -> None:
    assert reason in refusal(STRANGERS, url)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8091/hook",
        "HTTP://LOCALHOST",
        "https://localhost:1/",
        "http://sink.corp.internal/",
        "http://receiver:9000/",
        "http://127.0.0.1:8091/any/path?q=1",
        "http://127.8.9.10/",
        "https://127.0.0.1:5000/",
        "http://[::1]:9000/",
        "http://[::ffff:127.0.0.1]:9000/",
        "http://[0:0::1]/",
        "http://10.1.2.3:8080/",
        "http://[fd00::1]:70/",
        "http://198.51.100.7/",
        "http://93.184.216.34:8000/",
    ],
)
def test_an_operator_lifts_the_rules_about_scheme_port_and_address(url: str) -> None:
    refusal(STRANGERS, url)
    ALLOWED.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://localhost/",
        "gopher://127.0.0.1:8091/",
        "http://receiver:9001/",
        "http://receiver/",
        "http://a.localhost/",
        "http://localhost.evil.example/",
        "http://127.0.0.1.evil.example:8091/",
        "http://x.sink.corp.internal/",
        "http://10.1.2.3:8081/",
        "http://10.1.2.4:8080/",
        "http://[fd00::1]:71/",
        "http://[fd00::2]:70/",
        "http://[::2]/",
        "http://128.0.0.1/",
    ],
)
def test_an_operator_lifts_nothing_beside_what_was_named(url: str) -> None:
    refusal(ALLOWED, url)


def test_a_block_lifts_only_the_rule_about_addresses_for_what_resolves_into_it() -> None:
    ALLOWED.check_addresses("https://hooks.example/", ["127.0.0.1", "::1", "8.8.8.8"])
    ALLOWED.check_addresses("https://hooks.example:8080/", ["10.1.2.3"])
    assert "https" in refusal(ALLOWED, "http://hooks.example/")
    assert "443" in refusal(ALLOWED, "https://hooks.example:8080/")
    for url, address in [
        ("https://hooks.example/", "10.1.2.3"),  # allowed on another port only
        ("https://hooks.example/", "10.9.9.9"),
        ("https://hooks.example/", "fd00::1"),
    ]:
        with pytest.raises(TargetNotAllowed, match="private"):
            ALLOWED.check_addresses(url, [address])


def test_a_host_that_is_allowed_may_be_anywhere_but_at_the_metadata_server() -> None:
    ALLOWED.check_addresses("http://receiver:9000/", ["10.9.9.9", "fd00::9", "::1"])
    for address in ("169.254.169.254", "fd20:ce::254", "::ffff:169.254.169.254", "199.36.153.9"):
        for url in ("http://receiver:9000/", "http://localhost/"):
            with pytest.raises(TargetNotAllowed, match="private"):
                ALLOWED.check_addresses(url, ["10.9.9.9", address])
    with pytest.raises(TargetNotAllowed, match="private"):
        ALLOWED.check_addresses("http://receiver/", ["10.9.9.9"])


@pytest.mark.parametrize(
    "addresses",
    [
        [],
        ["127.0.0.1"],
        ["8.8.8.8", "127.0.0.1"],
        ["127.0.0.1", "8.8.8.8"],
        ["8.8.8.8", "1.1.1.1", "fe80::1%2"],
        ["8.8.8.8", "no address"],
        ["8.8.8.8", "0x7f.1"],
        ["8.8.8.8", ""],
    ],
)
def test_every_address_must_pass(addresses: list[str]) -> None:
    with pytest.raises(TargetNotAllowed) as refused:
        STRANGERS.check_addresses("https://hooks.example/", addresses)
    assert not any(one in str(refused.value) for one in addresses if one)
    STRANGERS.check_addresses("https://hooks.example/", ["8.8.8.8", "2606:4700::1111"])


@given(st.lists(st.ip_addresses().map(str), min_size=1, max_size=4))
def test_one_bad_address_among_many_is_enough(addresses: list[str]) -> None:
    good = [bool((seen := read(one)) and is_public(seen)) for one in addresses]
    try:
        STRANGERS.check_addresses("https://hooks.example/", addresses)
        assert all(good)
    except TargetNotAllowed:
        assert not all(good)


def test_our_own_hosts_are_refused_unless_they_are_allowed() -> None:
    targets = Targets("mine.example", "*.a.run.app,api-*.example, Api.Example ,mine.example,")
    for host in ("x.a.run.app", "x.y.A.run.app", "api-7.example", "api.example"):
        assert "this service" in refusal(targets, f"https://{host}/")
    for host in ("a.run.app", "xa.run.app", "x.a.run.app.example", "api.example.com"):
        targets.check(f"https://{host}/")
    targets.check("https://mine.example/")


@pytest.mark.parametrize(
    "entry",
    [
        "http://127.0.0.1:8091",
        "https://sink.example",
        "sink.example/",
        "sink.example:0",
        "sink.example:x",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.0/8:80",
        "127.1",
        "0x7f.1",
        "fe80::1%eth0",
        "*",
        "*.example",
        "me@sink.example",
        "two words",
        "häuser.example",
    ],
)
def test_an_entry_that_cannot_be_read_is_refused_with_the_form_that_can(entry: str) -> None:
    with pytest.raises(ValueError, match="host:port, an address or a CIDR block"):
        Targets(f"localhost,{entry}")


@pytest.mark.parametrize("pattern", ["https://api.example", "a b", "[ab].example", "api.example/"])
def test_a_pattern_that_is_no_host_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="no host name"):
        Targets("", f"x.example,{pattern}")


@pytest.mark.parametrize(
    ("url", "place", "authority"),
    [
        ("https://A.Example", Place("https", "a.example", 443, "/"), "a.example"),
        ("https://a.example?q=/", Place("https", "a.example", 443, "/?q=/"), "a.example"),
        ("HTTP://a.example:81/X?y", Place("http", "a.example", 81, "/X?y"), "a.example:81"),
        ("http://a.example/", Place("http", "a.example", 80, "/"), "a.example"),
        ("http://a.example:443/", Place("http", "a.example", 443, "/"), "a.example:443"),
        ("https://[::1]:8443/a", Place("https", "::1", 8443, "/a"), "[::1]:8443"),
        ("https://[::1]/a", Place("https", "::1", 443, "/a"), "[::1]"),
    ],
)
def test_a_url_taken_apart(url: str, place: Place, authority: str) -> None:
    assert parse(url) == place
    assert place.authority == authority


@given(st.text(max_size=40) | st.from_regex(r"https?://[0-9a-fx.:\[\]@%]{1,20}(/.*)?"))
def test_a_url_is_taken_apart_or_refused(url: str) -> None:
    try:
        place = parse(url)
    except TargetNotAllowed:
        return
    assert place.host
    assert 0 <= place.port < 65536
    assert place.path.startswith("/")
    assert url.isascii()
