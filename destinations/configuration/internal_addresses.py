"""Whether a resource leads to an address inside, which no connector contacts unless that is allowed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from urllib.parse import urlsplit

from django.conf import settings

from destinations.connectors import registry, schemas
from destinations.connectors.addresses import Guard
from destinations.connectors.base import ConfigurationError
from destinations.models import Resource

LONGEST = 2.0  # seconds: whoever saves does not wait for a name that nobody knows
MOST = 8  # hosts


def refusals(resource: Resource) -> list[str]:
    """A sentence for each host of its credentials that would be refused, with what to do about it.

    What cannot be looked up in time is not told: connecting checks it again.
    """
    guard = Guard(settings.TRACSYNC_ALLOWED_INTERNAL_NETWORKS)
    hosts = list(dict.fromkeys(_hosts(resource)))[:MOST]
    if not hosts:
        return []
    pool = ThreadPoolExecutor(len(hosts))
    found = [pool.submit(_refusal, guard, host) for host in hosts]
    wait(found, timeout=LONGEST)
    pool.shutdown(wait=False, cancel_futures=True)
    return [said for one in found if one.done() and (said := one.result())]


def _hosts(resource: Resource) -> Iterator[str]:
    """Of the addresses that are connected to; behind a proxy only its own."""
    connector = registry.find(resource.type_id)
    if connector is None:
        return
    for given in filter(None, (resource.production, resource.test)):
        named = dict(schemas.addresses(connector.credentials_schema, given))
        proxies = {path: text for path, text in named.items() if path.endswith("proxy") and text}
        for text in (proxies or named).values():
            for part in text.split(","):
                yield from _host(part.strip())


def _host(text: str) -> Iterator[str]:
    try:
        host = urlsplit(text if "://" in text else f"//{text}").hostname
    except ValueError:
        return
    if host:
        yield host


def _refusal(guard: Guard, host: str) -> str:
    try:
        guard.resolve(host, 0)
    except ConfigurationError as error:
        return str(error)
    except socket.gaierror:
        pass  # it is not known here; connecting says so
    return ""
