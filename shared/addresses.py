"""Which addresses strangers' names may lead to: an explicit table, since libraries disagree.

Sources: the IANA registries of special-purpose addresses (RFC 6890) and of global unicast
space; Google Cloud's pages on the metadata server and on the virtual addresses of its APIs.
"""

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

GLOBAL_IPV6: Final = IPv6Network("2000::/3")
"""All that the public has; what stands for an IPv4 address by translation lies outside of it."""
SPECIAL: Final[tuple[Network, ...]] = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by the customers of a carrier
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local
        "172.16.0.0/12",
        "192.0.0.0/24",  # IETF protocols
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "168.63.129.16/32",  # Azure's metadata
        "2001::/23",  # IETF protocols: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
NEVER: Final[tuple[Network, ...]] = tuple(
    ip_network(block)
    for block in (
        "169.254.169.254/32",  # the metadata server: tokens of our own account
        "fd20:ce::254/128",
        "199.36.153.4/30",  # restricted.googleapis.com
        "199.36.153.8/30",  # private.googleapis.com
        "2600:2d00:2:1000::/64",
        "2600:2d00:2:2000::/64",
    )
)
"""No operator's list opens these: there is no webhook to be received there."""


def read(text: str) -> Address | None:
    """*text* as the address that a connection to it reaches; None: it is no address, or scoped."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return None if address.scope_id is not None else address.ipv4_mapped or address


def is_public(address: Address) -> bool:
    """Whether it belongs to the public internet, and to none of Google's inner services."""
    if isinstance(address, IPv6Address) and address not in GLOBAL_IPV6:
        return False
    return not any(address in network for network in SPECIAL + NEVER)


def is_never(address: Address) -> bool:
    """Whether it stays refused whatever an operator allows."""
    return any(address in network for network in NEVER)
