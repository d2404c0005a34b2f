"""Where a request comes from, for what is counted by address."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address
HOUSE_BITS = 64  # of an IPv6 address: whoever has one has all that begin with them


def address(request: HttpRequest) -> str | None:
    """Whoever asks; behind a proxy that is trusted as that says, None where it says nothing that can be read.

    In X-Forwarded-For each proxy adds whom it was asked by. Only its end, which ours have written, is looked
    at: what stands before was written by the caller. The address of a proxy itself stands for everybody, and
    is never answered.
    """
    found = _address(request)
    return None if found is None else str(found)


def counted(request: HttpRequest) -> str | None:
    """What is counted for the address: of IPv6 the network, of which one caller has all addresses."""
    found = _address(request)
    if isinstance(found, IPv6Address) and not found.is_loopback:
        return str(ip_network((found, HOUSE_BITS), strict=False).network_address)
    return None if found is None else str(found)


def is_local(request: HttpRequest) -> bool:
    """On this machine, and not by way of a proxy that nobody has said is there."""
    if not _is_behind_proxy() and {"X-Forwarded-For", "Forwarded"} & {*request.headers}:
        return False
    found = _address(request)
    return found is not None and found.is_loopback


def _is_behind_proxy() -> bool:
    return bool(settings.SECURE_PROXY_SSL_HEADER or settings.TRACSYNC_TRUSTED_PROXIES)


def _address(request: HttpRequest) -> Address | None:
    asker = _read(request.META.get("REMOTE_ADDR", ""))
    if not _is_behind_proxy():
        return asker
    networks = settings.TRACSYNC_TRUSTED_PROXIES
    if networks and asker is not None and not _is_in(asker, networks):
        return asker  # past the proxies: what its headers say is its own
    for said in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        found = _read(said.strip())
        if found is None or not _is_in(found, networks):
            return found
    return None


def _read(text: str) -> Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def _is_in(found: Address, networks: list[str]) -> bool:
    return any(found in ip_network(network) for network in networks)
