"""A manifest against a class written by hand, and what is confirmed a second by other connectors alone.

The first makes the same payloads, calls and answers with both, in one run.

The class is Mautic's. The manifest beside this module makes the same calls for contacts that are not known
yet, which is what both are given here; what else the class can do does not run.
"""

from __future__ import annotations

import json
import threading
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any, Final

from destinations.connectors.base import Accepted, Delivery, Runtime, Session
from destinations.connectors.http.manifests.files import made_of
from destinations.connectors.mautic.connector import Mautic

from . import confirmed
from .inside import CannotMeasureError
from .report import Report, Section
from .sample_profiles import people
from .timing import rates

HELP = "connectors alone: a file against a class written by hand, and others against bare client libraries"
FILE: Final = "mautic_contacts.json"
CALL: Final = 100  # profiles
KEYS: Final = {"public_key": "public", "private_key": "private"}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--profiles", type=int, default=2_000, help="how many profiles are generated (2000)")
    parser.add_argument("--repetitions", type=int, default=15, help="how often each is measured (15)")
    parser.add_argument("--budget", type=float, default=1.0, help="seconds that each may take at a time (1)")
    parser.add_argument("--seed", type=int, default=1, help="of the generated profiles (1)")
    confirmed.add_arguments(parser)


def run(options: dict[str, Any], progress: Callable[[str], None]) -> Report:
    """Raises CannotMeasureError where one of them does not deliver everything."""
    deliveries = _deliveries(options["profiles"], options["seed"])
    others = confirmed.measure(options, deliveries, progress)
    return Report("connectors", [_against_a_class(options, deliveries, progress), *others])


def _against_a_class(
    options: dict[str, Any], deliveries: Sequence[Delivery], progress: Callable[[str], None]
) -> Section:
    calls = [deliveries[at : at + CALL] for at in range(0, len(deliveries), CALL)]
    with ExitStack() as stack:
        url = stack.enter_context(_answering())
        sessions = {name: stack.enter_context(session) for name, session in _sessions(url)}
        progress("a manifest and a class")
        ways = {name: partial(_push, session) for name, session in sessions.items()}
        found = rates(ways, calls, options["repetitions"], options["budget"])
    section = Section("pushing 100 new contacts in a call", ("connector", "profiles per second", "× class"))  # noqa: RUF001
    for name, rate in found.items():
        section.rows.append((name, rate * CALL, found["class"] / rate))
    section.note = "processor time of the connector alone; the last column is how much longer a profile takes"
    return section


def _deliveries(count: int, seed: int) -> list[Delivery]:
    return [
        Delivery(_payload(profile), f"bench:{number}", key=profile["id"], version=1)
        for number, profile in enumerate(people(count, seed))
    ]


def _payload(profile: dict[str, Any]) -> dict[str, Any]:
    names = profile["data"]["pii"]
    return {
        "email": f"{profile['id']}@firm.example",
        "firstname": names["firstname"],
        "lastname": names["lastname"],
        "points": profile["stats"]["visits"],
        "tags": profile["segments"],
    }


def _sessions(url: str) -> Iterator[tuple[str, Any]]:
    loopback = Runtime(allowed_internal=("127.0.0.0/8",))
    yield "class", Mautic().open({"api_url": f"{url}/api", **KEYS}, {}, loopback)
    manifest = made_of(files(__package__).joinpath(FILE).read_bytes(), FILE)
    yield "manifest", manifest.open({"base_url": url, **KEYS}, {}, loopback)


def _push(session: Session, deliveries: Sequence[Delivery]) -> None:
    outcomes = session.push(deliveries)
    if not all(isinstance(one, Accepted) and one.remote for one in outcomes):
        raise CannotMeasureError("a connector does not deliver everything")


@contextmanager
def _answering() -> Iterator[str]:
    """Mautic, as far as both ask for it: every contact is a new one. The address of the server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Mautic)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Mautic(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.endswith("/oauth/v2/token"):
            return self._say(200, {"access_token": "t", "expires_in": 3600, "token_type": "bearer"})
        contacts = [{"id": number + 1, **one} for number, one in enumerate(json.loads(body))]
        return self._say(201, {"contacts": contacts, "statusCodes": [201] * len(contacts)})

    def _say(self, status: int, answer: Any) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        pass
