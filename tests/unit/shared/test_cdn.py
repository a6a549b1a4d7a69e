import re

import pytest

from shared import cdn
from shared.cdn import CdnUrls, Key, read_keys, signed_prefix, signed_url
from shared.messages import FileObject

KEY = read_keys("my-key:nZtRohdNF9m3cKM24IcK4w==")[0]
OTHER = "other:AAAAAAAAAAAAAAAAAAAAAA=="
EXPIRES = 1549751401

# Known vectors: what Google publishes beside its sample code for this very key and time.
URLS = {
    "http://35.186.234.33/index.html": "?Expires=1549751401&KeyName=my-key"
    "&Signature=CRFqQnVfFyiUyR63OQf-HRUpIwc=",
    "http://www.example.com/": "?Expires=1549751401&KeyName=my-key"
    "&Signature=OqDUFfHpN5Vxga6r80bhsgxKves=",
    "http://www.example.com/some/path?some=query&another=param": "&Expires=1549751401"
    "&KeyName=my-key&Signature=9Q9TCxSju8-W5nUkk5CuTrun2_o=",
}
PREFIXES = {
    "http://35.186.234.33/": "URLPrefix=aHR0cDovLzM1LjE4Ni4yMzQuMzMv"
    "&Expires=1549751401&KeyName=my-key&Signature=j7HYgoQ8dIOVsW3Rw4cpkjWfRMA=",
    "http://www.example.com/": "URLPrefix=aHR0cDovL3d3dy5leGFtcGxlLmNvbS8="
    "&Expires=1549751401&KeyName=my-key&Signature=UdT5nVks6Hh8QFMJI9kmXuXYBk0=",
    "http://www.example.com/some/": "URLPrefix=aHR0cDovL3d3dy5leGFtcGxlLmNvbS9zb21lLw=="
    "&Expires=1549751401&KeyName=my-key&Signature=3th4ThmpS95I1TAKYyYSCSq3dnQ=",
}


@pytest.mark.parametrize(("url", "ending"), URLS.items())
def test_urls_are_signed_as_google_signs_them(url: str, ending: str) -> None:
    assert signed_url(url, KEY, EXPIRES) == url + ending


@pytest.mark.parametrize(("prefix", "query"), PREFIXES.items())
def test_prefixes_are_signed_as_google_signs_them(prefix: str, query: str) -> None:
    assert signed_prefix(prefix, KEY, EXPIRES) == query


def test_a_link_names_one_generation_for_a_quarter_of_an_hour() -> None:
    file = FileObject(
        mime_type="audio/wav",
        uri="gs://bucket/audio/a b+ü~.wav",
        generation=7,
        size_bytes=1,
        crc32c="",
    )
    urls = CdnUrls("https://media.example.com", KEY, now=lambda: EXPIRES - 900 + 0.9)
    plain = "https://media.example.com/audio/a%20b%2B%C3%BC~.wav?generation=7"
    assert urls.url(file, "x.wav") == signed_url(plain, KEY, EXPIRES)
    assert urls.url(file, "x.wav", download=True) == urls.url(file, "y.wav")
    assert urls.origin == "https://media.example.com"


def test_keys_come_newest_first() -> None:
    keys = read_keys(f" new:nZtRohdNF9m3cKM24IcK4w==, {OTHER}\n")
    assert [key.name for key in keys] == ["new", "other"]
    assert keys[0].secret == KEY.secret
    assert keys[1] == Key("other", bytes(16))
    assert read_keys(" ,\n") == ()


BAD = {
    "no name": "nZtRohdNF9m3cKM24IcK4w==",
    "an empty name": ":nZtRohdNF9m3cKM24IcK4w==",
    "a long name": f"{'n' * 64}:nZtRohdNF9m3cKM24IcK4w==",
    "another alphabet": "k:nZtRohdNF9m3cKM24IcK/w==",
    "no padding": "k:nZtRohdNF9m3cKM24IcK4w",
    "32 bytes": "k:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "one name twice": f"{OTHER} {OTHER}",
    "four of them": " ".join(f"k{n}:AAAAAAAAAAAAAAAAAAAAAA==" for n in range(cdn.MOST_KEYS + 1)),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_what_is_no_key_is_refused_unseen(text: str) -> None:
    with pytest.raises(ValueError, match=r"CDN key") as caught:
        read_keys(text)
    assert not re.search(r"nZtR|AAAA", str(caught.value))


def test_a_key_is_not_shown() -> None:
    assert "secret" not in repr(KEY)
    assert repr(KEY.secret) not in repr(KEY)
