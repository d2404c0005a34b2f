"""`tests` of a manifest: what is asked, what is sent, what is answered, what comes of it. Nothing is sent.

The engine is the one that pushes; only the network is replaced by the answers of the file.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from requests.structures import CaseInsensitiveDict

from destinations.connectors import schemas
from destinations.connectors.base import (
    JSON,
    Accepted,
    ConfigurationError,
    ConnectorError,
    Delivery,
    Exchange,
    Outcome,
    Pending,
    Unreachable,
)
from destinations.connectors.http.client import HttpClient, NoAnswer, Request
from destinations.connectors.http.description import Description
from destinations.connectors.http.engine import HttpSession
from destinations.connectors.http.manifests.connector import ManifestConnector
from destinations.connectors.http.replies import Reply
from tracsync.common.messages import message

SHORTEST_SECRET: Final = 4  # characters; what is shorter stands in other words, too
MOST_SHOWN: Final = 300  # characters of a value in a problem

_MISSING: Final = object()
_ADDRESS: Final = re.compile(r"mail|phone|mobile", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CaseResult:
    """A case and what was not as it should be; nothing of it is a real system's or person's."""

    name: str
    problems: Sequence[str]


def run(connector: ManifestConnector) -> list[CaseResult]:
    """Every case of the file, in order."""
    tests: Mapping[str, Any] = connector.manifest.content["tests"]
    return [CaseResult(case["name"], _problems(connector, tests, case)) for case in tests["cases"]]


def untested(connector: ManifestConnector) -> list[str]:
    """What the file can do and no case shows, in its own words: erase, fields, read ..."""
    cases = connector.manifest.content["tests"]["cases"]
    shown = {one.get("operation", "upsert") for case in cases for one in case.get("deliveries", ())}
    shown |= {
        name for name, key in (("fields", "fields"), ("read", "held")) if any(key in case for case in cases)
    }
    return [name for name in (*connector.operations, *connector.abilities) if name not in shown]


def second_record(connector: ManifestConnector) -> bool:
    """Whether a changed address makes a second record: the system tells an id, is not asked to update by it,
    and finds people by what the payload says of their address."""
    content = connector.manifest.content
    push, lists = content["push"], content.get("results", ())
    lists = [lists] if isinstance(lists, Mapping) else lists
    tells_id = "remote_id" in content or any("id" in one for one in lists)
    if not tells_id or "update" in push or "steps" in content:
        return False
    keys = [str(content.get("identity", "")), *(str(one.get("key", "")) for one in lists)]
    if not any(keys):
        if "delivery@key" in json.dumps(push):
            return False
        keys = connector.payload_schema.get("required", [])
    return any(_ADDRESS.search(one) for one in keys)


def delivery_of(given: Mapping[str, Any], number: int) -> Delivery:
    """The delivery that a case describes; `number` from 1."""
    return Delivery(
        given.get("payload"),
        f"test:{number}",
        given.get("remote", {}),
        given.get("operation", "upsert"),
        given.get("key", f"p-{number}"),
        given.get("version", 1),
    )


def _problems(connector: ManifestConnector, tests: Mapping[str, Any], case: Mapping[str, Any]) -> list[str]:
    credentials = case.get("credentials", tests.get("credentials", {}))
    settings = case.get("settings", tests.get("settings", {}))
    deliveries = [delivery_of(one, number) for number, one in enumerate(case.get("deliveries", ()), 1)]
    try:
        client = _ScriptedClient(case["exchanges"], connector.described(credentials, settings))
        with connector.open(credentials, settings, client=client) as session:
            if "held" in case:
                found = list(_held(session, deliveries, case["held"]))
            elif "fields" in case and "check" in case:  # they are not told
                found = list(_checked(session.fields, case["check"]))
            elif "fields" in case:
                found = list(_fields(session, case["fields"]))
            elif deliveries:
                found = list(_wrong_payloads(connector, deliveries))
                found += _compared(_ended(session, deliveries, client), case.get("outcomes", []))
            else:
                found = list(_checked(session.check, case.get("check", {"is": "ok"})))
    except ConnectorError as error:
        return [f"it cannot be tried: {error}"]
    return [*client.problems, *client.left(), *found, *_shown_secrets(connector, credentials, client)]


def _wrong_payloads(connector: ManifestConnector, deliveries: Sequence[Delivery]) -> Iterator[str]:
    for number, delivery in enumerate(deliveries, 1):
        if delivery.operation == "upsert":
            for sentence in _sentences(connector, delivery.payload):
                yield f"the payload of delivery {number}: {sentence}"


def _ended(session: HttpSession, deliveries: Sequence[Delivery], client: _ScriptedClient) -> list[Outcome]:
    """What comes of a push; what is pending is asked for as long as the case has exchanges."""
    outcomes = list(session.push(deliveries))
    while client.has_more():
        jobs = {place: one.job for place, one in enumerate(outcomes) if isinstance(one, Pending)}
        if not jobs:
            break
        try:
            came = session.poll(list(jobs.values()))
        except ConnectorError:
            continue  # nothing was learned: it is asked once more
        for place, outcome in zip(jobs, came, strict=True):
            outcomes[place] = outcome
    return outcomes


def _compared(outcomes: Sequence[Outcome], expected: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if len(expected) != len(outcomes):
        yield f"there are {len(outcomes)} outcomes, not {len(expected)}"
    for number, (wanted, outcome) in enumerate(zip(expected, outcomes, strict=False), 1):
        for name, value, found in _differences(wanted, outcome):
            yield f"outcome {number}: {name} should be {_shown(value)} and is {_shown(found)}"


def _held(session: HttpSession, deliveries: Sequence[Delivery], expected: Sequence[JSON]) -> Iterator[str]:
    found = [held.problem or held.payload for held in session.read(deliveries)]
    if found != expected:
        yield f"what is held should be {_shown(expected)} and is {_shown(found)}"


def _fields(session: HttpSession, expected: Sequence[JSON]) -> Iterator[str]:
    """`expected`: names, or objects with what is looked at of a field."""
    wanted = [{"name": one} if isinstance(one, str) else one for one in expected]
    found = session.fields()
    names = [field.name for field in found]
    if names != [one["name"] for one in wanted]:
        yield f"the fields should be {_shown(expected)} and are {_shown(names)}"
        return
    for one, field in zip(wanted, found, strict=True):
        for name, value in one.items():
            has = getattr(field, name)
            if has != value:
                yield f"field {field.name}: {name} should be {_shown(value)} and is {_shown(has)}"


def _sentences(connector: ManifestConnector, payload: JSON) -> list[str]:
    return [sentence for _path, sentence in schemas.validate(connector.payload_schema, payload)]


def _differences(wanted: Mapping[str, Any], outcome: Outcome) -> Iterator[tuple[str, JSON, JSON]]:
    kind = type(outcome).__name__.lower()
    said = str(outcome.detail if isinstance(outcome, Accepted) else outcome.reason)
    if wanted["is"] != kind:
        yield "is", wanted["is"], f"{kind}: {said}"
    has = {
        "id": outcome.remote_id if isinstance(outcome, Accepted) else "",
        "code": outcome.code,
        "field": outcome.field,
        "after": getattr(outcome, "after", None),
    }
    for name, value in has.items():
        if name in wanted and wanted[name] != value:
            yield name, wanted[name], value
    if wanted.get("says", "") not in said:
        yield "says", wanted["says"], said


def _checked(ask: Callable[[], object], expected: Mapping[str, Any]) -> Iterator[str]:
    try:
        kind, said = "ok", str(ask())
    except ConnectorError as error:
        known = {ConfigurationError: "configuration", Unreachable: "unreachable"}
        kind, said = next(word for one, word in known.items() if isinstance(error, one)), str(error)
    if kind != expected["is"] or expected.get("says", "") not in said:
        found = {"is": kind, "says": said}
        yield f"the check should say {_shown(dict(expected))} and says {_shown(found)}"


def _shown_secrets(
    connector: ManifestConnector, credentials: Mapping[str, JSON], client: _ScriptedClient
) -> Iterator[str]:
    """Secrets of a resource stand in requests, and nowhere in what is kept of them."""
    for secret in schemas.secrets(connector.credentials_schema, credentials):
        if len(secret) >= SHORTEST_SECRET and any(secret in text for text in client.kept):
            yield "what is kept of a request shows a secret of the credentials"
            return


class _ScriptedClient(HttpClient):
    """Compares what is sent with the exchanges, and answers as they say; it has no connections."""

    def __init__(self, exchanges: Sequence[Mapping[str, Any]], described: Description) -> None:
        self.problems: list[str] = []
        self.kept: list[str] = []
        self._waiting = deque(enumerate(exchanges, 1))
        self._described = described

    def send(self, request: Request) -> Reply:
        redactor = self._described.redactor
        shown = request.show(redactor, request.outgoing())
        self.kept.append(shown)
        if not self._waiting:
            line = shown.partition("\n")[0]
            self.problems.append(f"a call that no exchange has: {line}")
            return _reply({"status": 500}, shown)
        number, exchange = self._waiting.popleft()
        for name, wanted, found in self._differences(exchange.get("request", {}), request):
            self.problems.append(
                f"exchange {number}: {name} should be {_shown(wanted)} and is {redactor.text(_shown(found))}"
            )
        answer = exchange["answer"]
        if answer.get("missing"):
            raise NoAnswer(message("no answer in time"), Exchange(shown))
        return _reply(answer, shown)

    def close(self) -> None:
        pass

    def has_more(self) -> bool:
        return bool(self._waiting)

    def left(self) -> Iterator[str]:
        for number, _exchange in self._waiting:
            yield f"exchange {number}: this call was not made"

    def _differences(self, wanted: Mapping[str, Any], request: Request) -> Iterator[tuple[str, JSON, JSON]]:
        sent = CaseInsensitiveDict(request.outgoing())
        found = {"method": request.method, "path": self._path(request.url), "body": _body(request)}
        for name, value in found.items():
            if name in wanted and wanted[name] != value:
                yield name, wanted[name], value
        for name, value in wanted.get("headers", {}).items():
            if sent.get(name) != value:
                yield f"headers.{name}", value, sent.get(name)

    def _path(self, url: str) -> str:
        """What follows base_url."""
        parts, base = urlsplit(url), urlsplit(self._described.base.url)
        path = parts.path.removeprefix(base.path.rstrip("/")) or "/"
        return f"{path}?{parts.query}" if parts.query else path


def _body(request: Request) -> JSON:
    """As JSON where it is that, else as text; None for none."""
    text = (request.data or b"").decode("utf-8", "replace")
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def _reply(answer: Mapping[str, Any], shown: str) -> Reply:
    status, headers = answer.get("status", 200), CaseInsensitiveDict(answer.get("headers", {}))
    body = answer.get("body", _MISSING)
    if body is _MISSING:
        content = b""
    elif isinstance(body, str):
        content = body.encode()
    else:
        content = json.dumps(body, ensure_ascii=False).encode()
        headers.setdefault("Content-Type", "application/json")
    response = f"HTTP {status}\n\n{content.decode()}"
    return Reply(status, headers, content, True, 0.0, Exchange(shown, response, status))


def _shown(value: JSON) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."
