import socket
import sys
from contextlib import contextmanager, suppress

import pika.compat
import pytest

from tests.attacks import addresses
from tests.harness import free_port

_watchers = []


def _hook(event, arguments):
    """Python has none that can be taken away again."""
    if _watchers and event in ("socket.connect", "socket.sendto"):
        _watchers[-1](arguments[1])


sys.addaudithook(_hook)


class Connections:
    """Where Python was about to connect to; nothing of it is carried out but to these ports of our own."""

    def __init__(self, ours):
        self.ours = ours
        self.tried = set()

    def note(self, address):
        if not isinstance(address, tuple) or address[1] in self.ours:  # of this machine, by a path
            return
        self.tried.add(address[0])
        raise ConnectionRefusedError("no test goes out")


class Trap:
    """A port that is open on every address of this machine; clients in C are seen here alone."""

    def __init__(self):
        self.port, self.sockets = 0, []
        both = [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]
        for kinds in (both, both, both, both[:1]):  # IPv6 may be off
            if not self.sockets:
                with suppress(OSError):
                    self._open(free_port(), kinds)

    def _open(self, port, kinds):
        made = [socket.create_server((host, port), family=family) for family, host in kinds]
        for one in made:
            one.setblocking(False)
        self.port, self.sockets = port, made

    def caught(self):
        """How many came since the last look."""
        found = 0
        for one in self.sockets:
            while True:
                try:
                    one.accept()[0].close()
                except BlockingIOError:
                    break
                found += 1
        return found

    def close(self):
        for one in self.sockets:
            one.close()


@pytest.fixture(scope="module")
def trap():
    made = Trap()
    yield made
    made.close()


def _pair():
    made = socket.socketpair()
    for one in made:
        one.setblocking(False)
    return made


@pytest.fixture
def connections(trap, monkeypatch):
    """Notes what is connected to within `with`; names are answered as the table has it."""
    monkeypatch.setattr(socket, "getaddrinfo", addresses.getaddrinfo)
    monkeypatch.setattr(pika.compat, "nonblocking_socketpair", _pair)  # pika's goes by way of loopback

    @contextmanager
    def watched(*ours):
        seen = Connections(ours)
        trap.caught()
        _watchers.append(seen.note)
        try:
            yield seen
        finally:
            _watchers.remove(seen.note)
            if trap.caught():
                seen.tried.add("the trap")

    return watched
