import pytest

from shared.targets import MAX_LENGTH, TargetNotAllowed, check_target

ALLOWED = frozenset({"http://127.0.0.1:8091", "http://sink.example", "http://[::1]:9000"})


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com",
        "https://hooks.example.com/a/b?c=d&e=%20",
        "HTTPS://Hooks.Example.com:8443/",
        "https://xn--fsq.example/",
        "https://a_b.example/@not-a-user?x=@",
        "https://[2001:db8::1]:443/x",
        "https://h.example/" + "a" * (MAX_LENGTH - 18),
        "http://127.0.0.1:8091/any/path?q=1",
        "HTTP://127.0.0.1:8091",
        "http://sink.example/x",
        "http://sink.example:80/x",
        "http://[::1]:9000/",
    ],
)
def test_these_may_be_called(url: str) -> None:
    check_target(url, ALLOWED)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://hooks.example.com/", "https"),
        ("http://127.0.0.1:8092/", "https"),
        ("http://127.0.0.1/", "https"),
        ("http://127.0.0.1.evil.example:8091/", "https"),
        ("http://localhost:8091/", "https"),
        ("http://[::1]:9001/", "https"),
        ("ftp://hooks.example.com/", "https"),
        ("gopher://127.0.0.1:8091/", "https"),
        ("https://user@hooks.example.com/", "user"),
        ("https://user:secret@hooks.example.com/", "user"),
        ("https://@hooks.example.com/", "user"),
        ("http://127.0.0.1:8091@evil.example/", "user"),
        ("https://hooks.example.com/#part", "fragment"),
        ("https://hooks.example.com/#", "fragment"),
        ("http://127.0.0.1:8091#@evil.example/", "fragment"),
        ("https://hooks.example.com/a b", "ASCII"),
        ("https://hooks.example.com/\n", "ASCII"),
        (" https://hooks.example.com/", "ASCII"),
        ("https://hooks.example.com/\x00", "ASCII"),
        ("https://hooks.example.com/\x7f", "ASCII"),
        ("https://häuser.example/", "ASCII"),
        ("https://hooks.example.com/ü", "ASCII"),
        ("https://hooks。example。com/", "ASCII"),
        ("http://127.0.0.1:8091\\@evil.example/", "ASCII"),
        ("", "ASCII"),
        ("hooks.example.com", "host"),
        ("https:hooks.example.com", "host"),
        ("https:///path", "host"),
        ("https://:443/", "host"),
        ("mailto:a@b.example", "host"),
        ("https://hooks.example.com:0/", "port"),
        ("https://hooks.example.com:65536/", "port"),
        ("https://hooks.example.com:-1/", "port"),
        ("https://hooks.example.com:x/", "port"),
        ("https://[::1/", "host"),
        ("https://[fe80::1%25eth0]/", "host"),
        ("https://[v1.x]/", "host"),
        ("https://a..b/", "host"),
        ("https://.example/", "host"),
        ("https://-a.example/", "host"),
        ("https://" + "a" * 64 + ".example/", "host"),
        ("https://" + "a." * 127 + "example/", "host"),
        ("https://hooks.example.com,evil.example/", "host"),
        ("https://hooks.example.com%2f@evil/", "user"),
        ("https://h.example/" + "a" * (MAX_LENGTH - 17), "2048"),
    ],
)
def test_these_may_not(url: str, reason: str) -> None:
    with pytest.raises(TargetNotAllowed, match=reason) as refusal:
        check_target(url, ALLOWED)
    assert refusal.value.code == "target_not_allowed"
    assert "https" in refusal.value.cure


def test_a_wildcard_allows_nothing() -> None:
    with pytest.raises(TargetNotAllowed):
        check_target("http://127.0.0.1:80/", frozenset({"*", "http://*", ""}))
