"""The guard against internal addresses (server-side request forgery).

Whoever may edit a destination can make this installation connect anywhere. So a connector connects
only to an address that was checked after the name was resolved: checking the name first and letting
the library resolve it again would let a hostile DNS server answer differently the second time.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from destinations.connectors.base import ConfigurationError
from tracsync.common.messages import message

SETTING = "TRACSYNC_ALLOWED_INTERNAL_NETWORKS"

MOST_ADDRESSES = 4  # each may take a whole connect timeout

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# RFC 6052 well-known prefix and RFC 8215 local-use prefix: the last 32 bits are an IPv4 address.
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_HOST_NAME = re.compile(r"[\w-]+(\.[\w-]+)*\.?")
_IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")
# RFC 6761, RFC 6762 and ICANN's reservation of .internal: never names of the public Internet.
_INTERNAL_NAMES = ("localhost", "local", "localdomain", "internal", "home.arpa")


@dataclass(frozen=True, slots=True)
class Address:
    """One checked address: what `socket.getaddrinfo` calls family and sockaddr."""

    family: int
    host: str
    port: int


class Guard:
    """Decides which addresses may be connected to.

    `allowed`: CIDRs, single addresses and host names (exact match, any port) that may be reached
    although they are internal. Raises ConfigurationError for an entry that is none of these.
    """

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self._networks: list[IPNetwork] = []
        self._names: set[str] = set()
        for entry in filter(None, (text.strip() for text in allowed)):
            self._allow(entry)

    def _allow(self, entry: str) -> None:
        try:
            self._networks.append(ipaddress.ip_network(entry, strict=False))
        except ValueError:
            if not _HOST_NAME.fullmatch(entry):
                raise ConfigurationError(
                    message(
                        "%(entry)s: %(name)s is neither a network nor a host name", entry=SETTING, name=entry
                    )
                ) from None
            self._names.add(_plain(entry))

    def resolve(self, host: str, port: int) -> list[Address]:
        """The addresses of `host` that may be connected to, in the resolver's order.

        Raises ConfigurationError when all of them are refused, `socket.gaierror` when there are none.
        """
        found = [Address(family, str(name[0]), port) for family, name in _lookup(host, port)]
        if _plain(host) in self._names:
            return found[:MOST_ADDRESSES]
        allowed = [address for address in found if self.permits(parse(address.host))]
        if not allowed:
            raise _refusal(host, found[0].host)
        return allowed[:MOST_ADDRESSES]

    def check_target(self, host: str) -> None:
        """Refuse a host that a proxy will resolve, as far as its text tells; raises ConfigurationError."""
        plain = _plain(host)
        if plain in self._names:
            return
        literal = _literal(host)
        if literal is not None and not self.permits(literal):
            raise _refusal(host, str(literal))
        if literal is None and any(f".{plain}".endswith(f".{name}") for name in _INTERNAL_NAMES):
            raise _refusal(host, host)

    def permits(self, address: IPAddress | None) -> bool:
        """Whether an address is public or allowed; None, an unreadable one, is neither."""
        if address is None:
            return False
        inner = _inner_ipv4(address) if isinstance(address, ipaddress.IPv6Address) else None
        forms = [address] if inner is None else [address, inner]
        if any(form in network for form in forms for network in self._networks):
            return True
        return not any(is_internal(form) for form in forms)


def is_internal(address: IPAddress) -> bool:
    """Loopback, private, link-local, carrier-grade NAT, multicast, reserved, unspecified and the like."""
    if isinstance(address, ipaddress.IPv6Address):
        if _inner_ipv4(address) is not None:
            return False  # judged by the IPv4 address inside
        if address.is_site_local:
            return True
    return address.is_multicast or address.is_reserved or not address.is_global


def parse(text: str) -> IPAddress | None:
    """An address from its text, without an IPv6 zone; None if it is not one."""
    try:
        return ipaddress.ip_address(text.split("%", 1)[0])
    except ValueError:
        return None


def _inner_ipv4(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that packets to an IPv6 address end up at."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if any(address in network for network in _NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _IPV4_COMPATIBLE and int(address) > 1:
        return ipaddress.IPv4Address(int(address))
    return address.teredo[1] if address.teredo else None


def _lookup(host: str, port: int) -> Iterator[tuple[int, tuple[object, ...]]]:
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except UnicodeError:  # a label that is empty or too long
        raise socket.gaierror(socket.EAI_NONAME, "not a valid host name") from None
    for family, _kind, _proto, _name, address in found:
        yield family, address


def _literal(host: str) -> IPAddress | None:
    """An address written as the host, in the old forms such as 127.1 and 0x7f000001 too."""
    address = parse(host.strip("[]"))
    if address is None:
        with contextlib.suppress(OSError, ValueError):
            return ipaddress.IPv4Address(socket.inet_aton(host))
    return address


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _refusal(host: str, address: str) -> ConfigurationError:
    if address == host.strip("[]"):
        refusal = message(
            "%(host)s is an internal address and was not contacted; if it is meant, add it to %(setting)s",
            host=host,
            setting=SETTING,
        )
    else:
        refusal = message(
            "%(host)s leads to %(address)s, which is an internal address and was not contacted;"
            " if it is meant, add it to %(setting)s",
            host=host,
            address=address,
            setting=SETTING,
        )
    return ConfigurationError(refusal)
