"""Which IP addresses belong to the public Internet: IANA's registries of special-purpose addresses.

A table of our own, as of November 2026: what Python's `ipaddress` calls global depends on its version. The
registries are iana-ipv4-special-registry, iana-ipv6-special-registry and ipv6-unicast-address-assignments.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# Not globally reachable, except for what _REACHABLE holds.
_INTERNAL = (
    "0.0.0.0/8",  # this network
    "10.0.0.0/8",  # private use
    "100.64.0.0/10",  # carrier-grade NAT
    "127.0.0.0/8",  # loopback
    "169.254.0.0/16",  # link-local
    "172.16.0.0/12",  # private use
    "192.0.0.0/24",  # IETF protocol assignments
    "192.0.2.0/24",  # documentation
    "192.88.99.0/24",  # 6to4 relays, deprecated
    "192.168.0.0/16",  # private use
    "198.18.0.0/15",  # benchmarking
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, broadcast
    "2001::/23",  # IETF protocol assignments, Teredo, benchmarking, ORCHID
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4: it leads to whatever IPv4 address is inside
    "3fff::/20",  # documentation
)
_REACHABLE = (
    "192.0.0.9/32",  # Port Control Protocol anycast
    "192.0.0.10/32",  # TURN anycast
    "2001:1::1/128",  # Port Control Protocol anycast
    "2001:1::2/128",  # TURN anycast
    "2001:1::3/128",  # DNS-SD service registration anycast
    "2001:3::/32",  # AMT
    "2001:4:112::/48",  # AS112
    "2001:20::/28",  # ORCHIDv2
    "2001:30::/28",  # drone remote identification
)
# All that is assigned as global unicast. What lies outside is nobody's public address: loopback, unique
# local, link-local, multicast, the discard prefix 100::/64, local NAT64 64:ff9b:1::/48, segment routing ...
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")


def _by_version(networks: Iterable[str]) -> dict[int, tuple[IPNetwork, ...]]:
    found = [ipaddress.ip_network(text) for text in networks]
    return {version: tuple(one for one in found if one.version == version) for version in (4, 6)}


_INTERNAL_NETWORKS, _REACHABLE_NETWORKS = _by_version(_INTERNAL), _by_version(_REACHABLE)

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")  # IPv4 as sockets write it
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # IPv4 as translators write it (RFC 6052)


def inner_ipv4(address: IPAddress) -> ipaddress.IPv4Address | None:
    """The IPv4 address that packets to an IPv6 address end up at, where that is all it says."""
    if isinstance(address, ipaddress.IPv6Address) and (address in _MAPPED or address in _NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def is_public(address: IPAddress) -> bool:
    """Whether an address is globally reachable; of one that stands for an IPv4 address, whether that is."""
    address = inner_ipv4(address) or address
    if any(address in network for network in _REACHABLE_NETWORKS[address.version]):
        return True
    if any(address in network for network in _INTERNAL_NETWORKS[address.version]):
        return False
    return address.version == 4 or address in _GLOBAL_UNICAST
