"""What there is to compare with: requests and nothing else, posting bodies that were made beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import requests
from requests.adapters import HTTPAdapter

from .together import shares, together

HEADERS = {"Content-Type": "application/json"}


def post(url: str, bodies: Sequence[bytes], processes: int) -> float:
    """Post them from loops over a session in so many processes; the moment they began."""
    return together(partial(_post, url), shares(bodies, processes)).began


def post_in_threads(url: str, bodies: Sequence[bytes], threads: int) -> float:
    """Post them from so many threads over one session whose pool is as large; the moment they began."""
    return together(partial(_post_in_threads, url, threads), [bodies]).began


def _post(url: str, bodies: Sequence[bytes], begin: Callable[[], object]) -> None:
    with requests.Session() as session:
        begin()
        for body in bodies:
            session.post(url, data=body, headers=HEADERS, timeout=10).raise_for_status()


def _post_in_threads(url: str, threads: int, bodies: Sequence[bytes], begin: Callable[[], object]) -> None:
    with requests.Session() as session, ThreadPoolExecutor(threads) as pool:
        session.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=threads))

        def send(body: bytes) -> None:
            session.post(url, data=body, headers=HEADERS, timeout=10).raise_for_status()

        begin()
        list(pool.map(send, bodies))
