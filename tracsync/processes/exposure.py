"""Whether a web server may listen where it was told to: elsewhere than on this machine only with HTTPS."""

from __future__ import annotations

from ipaddress import ip_address

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

FLAG = "--without-https"


def add_argument(parser: CommandParser) -> None:
    parser.add_argument(
        FLAG,
        action="store_true",
        help="listen on an address that others reach, although nothing is encrypted",
    )


def warning(host: str, without_https: bool) -> str:
    """What to say of it; blank where there is nothing. Raises CommandError where it may not be."""
    if settings.HTTPS or _is_loopback(host):
        return ""
    if without_https:
        return (
            f"Warning: whoever reaches {host} can read passwords, tokens and profiles on their way, for"
            " nothing is encrypted. Use this in a network that you trust."
        )
    raise CommandError(
        f"{host} can be reached from other machines, and without HTTPS all can be read on its way: passwords,"
        " tokens, profiles. Put a proxy that speaks TLS in front and set TRACSYNC_HTTPS=true"
        f" (docs/deployment.md), or, in a network that you trust, say {FLAG}."
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
