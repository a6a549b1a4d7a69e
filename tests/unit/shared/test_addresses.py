from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.addresses import NEVER, SPECIAL, is_never, is_public, read

REFUSED = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255"),
    *("192.168.0.1", "100.64.0.1", "100.127.255.255", "169.254.169.254", "169.254.0.1"),
    *("192.0.0.8", "192.0.0.192", "192.88.99.1", "198.18.0.1", "198.19.255.255", "224.0.0.1"),
    *("239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.51.100.1"),
    *("203.0.113.1", "168.63.129.16", "199.36.153.4", "199.36.153.8", "199.36.153.11"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:0:7f00:1", "::ffff:10.0.0.1"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b::8.8.8.8", "64:ff9b:1::a9fe:a9fe", "100::1", "100:0:0:1::1"),
    *("2001::1", "2001:0:4136:e378::1", "2001:10::1", "2001:20::1", "2001:db8::1"),
    *("2002:a9fe:a9fe::", "2620:4f:8000::1", "3fff::1", "5f00::1", "fc00::1", "fd20:ce::254"),
    *("fe80::1", "fe80::1%eth0", "2606:4700::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "4000::1"),
    *("2600:2d00:2:1000::1", "2600:2d00:2:2000::1"),
]
PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "93.184.216.34", "9.255.255.255", "11.0.0.0", "126.255.255.255"),
    *("128.0.0.0", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0"),
    *("169.253.255.255", "169.255.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255"),
    *("198.20.0.0", "223.255.255.255", "199.36.153.3", "199.36.153.12", "192.0.1.0"),
    *("2606:4700::1111", "2a00:1450:4001::8a", "2001:200::1", "2003::1", "2600:2d00:2:3000::1"),
    "::ffff:8.8.8.8",
]


def passes(text: str) -> bool:
    address = read(text)
    return address is not None and is_public(address)


@pytest.mark.parametrize("text", REFUSED)
def test_these_are_not_public(text: str) -> None:
    assert not passes(text)


@pytest.mark.parametrize("text", PUBLIC)
def test_these_are(text: str) -> None:
    assert passes(text)


@pytest.mark.parametrize(
    "text", ["127.1", "0x7f.1", "017700000001", "2130706433", "127.0.0.1.", "127.0.0.01", "", "a"]
)
def test_what_is_no_plain_address_is_none(text: str) -> None:
    assert read(text) is None


@given(st.ip_addresses())
def test_nothing_passes_that_the_standard_library_does_not_call_global(
    address: IPv4Address | IPv6Address,
) -> None:
    if passes(str(address)):
        seen = read(str(address))
        assert seen is not None
        assert seen.is_global
        assert not seen.is_multicast
        assert not seen.is_reserved
        assert not seen.is_link_local


@given(st.sampled_from([*SPECIAL, *NEVER]), st.data())
def test_nothing_inside_the_table_passes(network: object, data: st.DataObject) -> None:
    block = ip_network(str(network))
    address = data.draw(
        st.ip_addresses(v=block.version, network=str(block)), label="inside the block"
    )
    assert not passes(str(address))
    assert not passes(f"::ffff:{address}") or block.version == 6


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_inside_of_an_ipv6_address_gets_nowhere(address: IPv4Address) -> None:
    for carrier in ("::", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::"):
        assert not passes(str(IPv6Address(int(ip_address(carrier)) + int(address))))
    assert not passes(str(IPv6Address((0x2002 << 112) + (int(address) << 80))))
    assert passes(f"::ffff:{address}") == passes(str(address))


def test_what_no_operator_opens() -> None:
    opened = [text for text in REFUSED if (seen := read(text)) is None or not is_never(seen)]
    assert set(REFUSED) - set(opened) == {
        *("169.254.169.254", "fd20:ce::254", "199.36.153.4", "199.36.153.8", "199.36.153.11"),
        *("2600:2d00:2:1000::1", "2600:2d00:2:2000::1"),
    }
