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

import idna

from destinations.connectors.base import ConfigurationError
from destinations.connectors.special_addresses import IPAddress, IPNetwork, inner_ipv4, is_public
from tracsync.common.messages import joined, message

SETTING = "TRACSYNC_ALLOWED_INTERNAL_NETWORKS"

MOST_ADDRESSES = 4  # each may take a whole connect timeout
LONGEST_NAME = 253  # of a host

_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
# Names that mean something only inside: RFC 6761, 6762, 7686, 8375 and 9476, ICANN's .internal, and what
# networks, clusters and their programs use as such. None is a domain of the public Internet.
_INTERNAL_NAMES = frozenset(
    {
        *("localhost", "local", "localdomain", "internal", "corp", "lan", "home", "intranet", "private"),
        *(
            "test",
            "invalid",
            "onion",
            "alt",
            "mail",
            "dhcp",
            "workgroup",
            "svc",
            "cluster",
            "consul",
            "docker",
        ),
    }
)
_HOME = ".home.arpa"
_settings_file = "tracsync.env"
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")


def use_file(path: str) -> None:
    """Name the file with the settings that the environment does not have, which refusals tell."""
    global _settings_file
    _settings_file = path


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
        self._entries = [entry for text in allowed if (entry := text.strip())]
        for entry in self._entries:
            self._allow(entry)

    def _allow(self, entry: str) -> None:
        try:
            self._networks.append(ipaddress.ip_network(entry, strict=False))
        except ValueError:
            name = normal(entry)
            if not _HOST_NAME.fullmatch(name):
                raise ConfigurationError(
                    message(
                        "%(entry)s: %(name)s is neither a network nor a host name", entry=SETTING, name=entry
                    )
                ) from None
            self._names.add(name)

    def resolve(self, host: str, port: int) -> list[Address]:
        """The addresses of `host` that may be connected to, in the resolver's order.

        Raises ConfigurationError when all of them are refused, `socket.gaierror` when there are none.
        """
        found = [Address(family, str(name[0]), port) for family, name in _lookup(host, port)]
        if normal(host) in self._names:
            return found[:MOST_ADDRESSES]
        allowed = [address for address in found if self.permits(parse(address.host))]
        if not allowed:
            raise self._refusal(host, found[0].host)
        return allowed[:MOST_ADDRESSES]

    def check_target(self, host: str) -> None:
        """Refuse a host that a proxy will resolve, as far as its text tells; raises ConfigurationError."""
        name = normal(host)
        if name in self._names:
            return
        literals = _literals(name)
        for literal in literals:
            if not self.permits(literal):
                raise self._refusal(host, str(literal))
        if not literals and not _is_public_name(name):
            raise ConfigurationError(
                message(
                    "%(host)s is no name of the public Internet, and the proxy was not asked for it."
                    " %(remedy)s",
                    host=host,
                    remedy=self._remedy(host),
                )
            )

    def permits(self, address: IPAddress | None) -> bool:
        """Whether an address is public or allowed; None, an unreadable one, is neither."""
        if address is None:
            return False
        forms = filter(None, (address, inner_ipv4(address)))
        return is_public(address) or any(form in network for form in forms for network in self._networks)

    def _refusal(self, host: str, address: str) -> ConfigurationError:
        if address == host.strip("[]"):
            said = message("%(host)s is an internal address and was not contacted.", host=host)
        else:
            said = message(
                "%(host)s leads to %(address)s, which is an internal address and was not contacted.",
                host=host,
                address=address,
            )
        return ConfigurationError(joined(" ", (said, self._remedy(host))))

    def _remedy(self, host: str) -> str:
        """The line that allows it, beside what is allowed already."""
        return message(
            "If it is meant, write the line %(line)s into the file %(file)s (or set it in the environment, if"
            " it is set there), and restart tracsync",
            line=f"{SETTING}={','.join([*self._entries, normal(host)])}",
            file=_settings_file,
        )


def parse(text: str) -> IPAddress | None:
    """An address from its text, without an IPv6 zone; None if it is not one."""
    try:
        return ipaddress.ip_address(text.split("%", 1)[0])
    except ValueError:
        return None


def normal(host: str) -> str:
    """A host as it is compared: without brackets and the dot at its end, in lower case, in ASCII (IDNA).

    What cannot be a name in ASCII stays as it is.
    """
    host = host.strip("[]")
    if not host.isascii() and len(host) <= LONGEST_NAME:
        with contextlib.suppress(UnicodeError):
            host = idna.encode(host, uts46=True).decode()
    return host.rstrip(".").lower()


def _lookup(host: str, port: int) -> Iterator[tuple[int, tuple[object, ...]]]:
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except UnicodeError:  # a label that is empty or too long
        raise socket.gaierror(socket.EAI_NONAME, "not a valid host name") from None
    for family, _kind, _proto, _name, address in found:
        yield family, address


def _literals(name: str) -> list[IPAddress]:
    """The addresses that a host written in figures may stand for.

    The old forms (127.1, 0x7f000001, 017700000001) are read as the resolver does. Of 010.0.0.1 some programs
    make 8.0.0.1 and others 10.0.0.1.
    """
    found = []
    if (address := parse(name)) is not None:
        found.append(address)
    else:
        with contextlib.suppress(OSError, ValueError):
            found.append(ipaddress.IPv4Address(socket.inet_aton(name)))
        parts = name.split(".")
        if len(parts) == 4 and all(part.isdigit() and len(part) < 5 and int(part) < 256 for part in parts):
            found.append(ipaddress.IPv4Address(bytes(map(int, parts))))
    return found


def _is_public_name(name: str) -> bool:
    """Whether a name can be one of the public Internet: of several labels, under no internal domain.

    Its last label is no number: some program would read that as an address.
    """
    last = name.rpartition(".")[2]
    return (
        bool(_HOST_NAME.fullmatch(name))
        and "." in name
        and last not in _INTERNAL_NAMES
        and not _NUMBER.fullmatch(last)
        and not f".{name}".endswith(_HOME)
    )
