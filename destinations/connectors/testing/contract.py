"""What every connector must do, built in or not, tried against the system at the other end or its double."""

from __future__ import annotations

import copy
import logging
import re
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from jsonschema.exceptions import SchemaError

from destinations.connectors import registry, schemas, value_search
from destinations.connectors.base import (
    JSON,
    Accepted,
    ConfigurationError,
    Connector,
    ConnectorError,
    Delivery,
    Field,
    Held,
    Hold,
    MemoryTokenStore,
    Operation,
    Outcome,
    Pending,
    Rejected,
    Session,
    Unknown,
    abilities,
    ask,
    batch_size,
    migrated,
    operations_of,
    presets,
)
from destinations.connectors.redaction import MASK, texts, url_secrets
from destinations.connectors.testing.peer import Description, Peer

MOST_TOGETHER: Final = 5  # deliveries that share a push here
WHOLE_BATCH: Final = 100  # at most, where one of them is bad
MOST_POLLS: Final = 20  # for the end of one job
_SKIPPED: Final = object()


class ContractError(AssertionError):
    """`faults`: what the connector does wrong, a sentence each."""

    def __init__(self, slug: str, faults: Sequence[str]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join([f"The connector {slug} breaks the contract:", *faults]))


def check_contract(connector: Connector, peer: Peer) -> None:
    """Try everything that the contract asks of a connector. Raises ContractError with all faults at once.

    The peer has to be fresh. It is sent a few dozen deliveries, and some hundreds where the connector wants
    many at once.
    """
    check = _Check(connector, peer)
    with check.logs_read():
        for rule in _RULES:
            try:
                rule(check)
            except (
                Exception
            ) as error:  # whatever a connector raises is a fault of it, and the other rules count
                check.shown(f"what is raised ({type(error).__name__})", error)
                check.fault(f"It raises {type(error).__name__} where it must not, in: {rule.__doc__}")
    check.look_for_secrets()
    if check.faults:
        raise ContractError(connector.slug, check.faults)


class _Check:
    """One connector at one peer: what is wrong so far, and what it has shown."""

    def __init__(self, connector: Connector, peer: Peer) -> None:
        self.connector, self.peer = connector, peer
        self.faults: list[str] = []
        self._shown: list[tuple[str, str]] = []
        self._handed: list[tuple[Delivery, Delivery]] = []
        self._run = uuid.uuid4().hex[:8]
        self._count = 0
        self._tokens = MemoryTokenStore()

    def fault(self, sentence: str) -> None:
        if sentence not in self.faults:
            self.faults.append(sentence)

    def shown(self, where: str, what: object) -> None:
        """Something that people may get to see: no secret may be in it."""
        if isinstance(what, BaseException):
            self._shown.append((where, "".join(traceback.format_exception(what))))
        self._shown.append((where, what if isinstance(what, str) else repr(what)))

    def delivery(
        self, payload: JSON, operation: Operation = "upsert", remote: Mapping[str, JSON] | None = None
    ) -> Delivery:
        self._count += 1
        return Delivery(
            payload=payload,
            idempotency_key=f"{self._run}:{self._count}:contract",
            remote=dict(remote or {}),
            operation=operation,
            key=f"profile-{self._count}",
            version=self._count,
            profile=dict(self.peer.profile(self._count)) if operation == "upsert" else {},
            moment=datetime.now(UTC),
        )

    def good(self) -> Delivery:
        return self.delivery(self.peer.payload(self._count + 1))

    @contextmanager
    def session(self, credentials: Mapping[str, JSON] | None = None) -> Iterator[Session]:
        given = self.peer.credentials if credentials is None else credentials
        tokens = self._tokens if credentials is None else MemoryTokenStore()
        runtime = replace(self.peer.runtime, tokens=tokens)
        with self.connector.open(dict(given), dict(self.peer.settings), runtime) as session:
            self.shown("the repr of its session", session)
            yield session

    def push(self, session: Session, deliveries: Sequence[Delivery]) -> list[Outcome]:
        """As the engine does it: never more at once than the connector wants."""
        size = batch_size(self.connector, self.peer.settings)
        parts = [deliveries[at : at + size] for at in range(0, len(deliveries), size)]
        return [outcome for part in parts for outcome in self._part(session, part)]

    def _part(self, session: Session, deliveries: Sequence[Delivery]) -> list[Outcome]:
        self._handed += [(delivery, copy.deepcopy(delivery)) for delivery in deliveries]
        try:
            outcomes = list(session.push(deliveries))
        except ConnectorError as error:
            self.shown("what push raises", error)
            raise
        for outcome in outcomes:
            self._look_at(outcome)
        if len(outcomes) != len(deliveries):
            counts = f"{len(outcomes)} outcomes for {len(deliveries)} deliveries"
            self.fault(f"It returns {counts}: there has to be one for each, in order.")
        return self._ended(session, outcomes)

    def _ended(self, session: Session, outcomes: list[Outcome]) -> list[Outcome]:
        """What is answered later is asked for at once, and again: a peer for tests need not take its time."""
        for _ in range(MOST_POLLS):
            open_ones = {place: one for place, one in enumerate(outcomes) if isinstance(one, Pending)}
            if not open_ones:
                return outcomes
            came = list(ask(session, [one.job for one in open_ones.values()]))
            if len(came) != len(open_ones):
                counts = f"{len(came)} outcomes for {len(open_ones)} jobs"
                self.fault(f"poll returns {counts}: there has to be one for each, in order.")
                return outcomes
            for place, outcome in zip(open_ones, came, strict=True):
                self._look_at(outcome)
                outcomes[place] = outcome
        self.fault(f"A job is pending still when it was asked for {MOST_POLLS} times.")
        return outcomes

    def _look_at(self, outcome: Outcome) -> None:
        if not isinstance(outcome, Outcome):
            self.fault(f"It returns a {type(outcome).__name__} where an outcome is wanted.")
            return
        kind = type(outcome).__name__
        self.shown(f"an outcome {kind}", outcome)
        if outcome.exchange is not None:  # its parts may be made when they are read
            self.shown(f"the exchange of an outcome {kind}", outcome.exchange.request)
            self.shown(f"the exchange of an outcome {kind}", outcome.exchange.response)

    def describe(self, delivery: Delivery) -> Description:
        self._handed.append((delivery, copy.deepcopy(delivery)))
        told = self.connector.describe(dict(self.peer.credentials), dict(self.peer.settings), delivery)
        self.shown("what describe shows", told)
        return told

    def unchanged(self, name: str, action: Callable[[], object]) -> None:
        before = copy.deepcopy(self.peer.state())
        action()
        if self.peer.state() != before:
            self.fault(f"{name} changes something at the other side, and must not.")

    def look_at_what_was_handed(self) -> None:
        for delivery, before in self._handed:
            for name in ("payload", "remote", "profile"):
                if getattr(delivery, name) != getattr(before, name):
                    self.fault(f"It changes the {name} that it is handed, which a repeat has to send again.")

    def secrets(self) -> set[str]:
        known = list(self.peer.secrets())
        for schema, value in (
            (self.connector.credentials_schema, self.peer.credentials),
            (self.connector.credentials_schema, self.peer.wrong_credentials or {}),
            (self.connector.settings_schema, self.peer.settings),
        ):
            known += schemas.secrets(schema, value)
        return {part for secret in known for part in (secret, *url_secrets(secret))}

    def look_for_secrets(self) -> None:
        forms = value_search.forms(self.secrets())
        for where, text in self._shown:
            if any(form in text for form in forms):
                self.fault(f"A secret stands in {where}.")

    @contextmanager
    def logs_read(self) -> Iterator[None]:
        handler = _Reader(self)
        root = logging.getLogger()
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            root.setLevel(level)
            root.removeHandler(handler)


class _Reader(logging.Handler):
    def __init__(self, check: _Check) -> None:
        super().__init__()
        self._check = check

    def emit(self, record: logging.LogRecord) -> None:
        self._check.shown("the log", self.format(record))


def _is_declared(check: _Check) -> None:
    """The class says what it is, and its schemas fit what it is given."""
    connector, peer = check.connector, check.peer
    try:
        registry.verify(connector, connector.slug)
    except (TypeError, SchemaError) as error:
        check.fault(f"The class cannot be used: {error}.")
    if batch_size(connector, peer.settings) < 1:
        check.fault("Its batch_size is less than 1: push is given at least one delivery.")
    for name, schema, value in (
        ("credentials", connector.credentials_schema, peer.credentials),
        ("settings", connector.settings_schema, peer.settings),
        ("payload", connector.payload_schema, peer.payload(1)),
    ):
        filled = schemas.with_defaults(schema, value) if isinstance(value, Mapping) else value
        for _path, sentence in schemas.validate(schema, filled):
            check.fault(f"What the peer gives as {name} does not fit the schema: {sentence}.")


def _begins_and_goes_on(check: _Check) -> None:
    """Presets fit the settings' schema, and so does what earlier versions have stored, after migrate."""
    connector = check.connector
    for preset in presets(connector):
        if not preset.name.strip():
            check.fault("A preset has no name.")
        _look_at_fit(check, f"the preset {preset.name}", connector.settings_schema, preset.settings)
    both = {"credentials": connector.credentials_schema, "settings": connector.settings_schema}
    for part, since, stored in check.peer.older():
        known = list(schemas.secrets(both[part], stored))
        made = migrated(connector, part, stored, since)
        _look_at_fit(check, f"what migrate makes of the {part} of version {since}", both[part], made)
        if set(known) - set(schemas.secrets(both[part], made)):
            check.fault(f"migrate loses a secret of the {part} of version {since}, or has it shown.")


def _look_at_fit(check: _Check, what: str, schema: Mapping[str, Any], value: Mapping[str, JSON]) -> None:
    for _path, sentence in schemas.validate(schema, schemas.with_defaults(schema, value)):
        check.fault(f"{what[0].upper()}{what[1:]} does not fit the schema: {sentence}.")


def _opening_and_describing_change_nothing(check: _Check) -> None:
    """Opening a session, describing and checking change nothing."""

    def open_it() -> None:
        with check.session():
            pass

    def check_it() -> None:
        with check.session() as session:
            said = session.check()
        check.shown("what check says", said)
        if not isinstance(said, str) or not said.strip():
            check.fault("check returns no sentence: it has to say what happened.")

    check.unchanged("open", open_it)
    check.unchanged("describe", lambda: check.describe(check.good()))
    check.unchanged("check", check_it)


def _sends_what_it_describes(check: _Check) -> None:
    """One delivery: what describe shows is what is sent, with its key, and a repeat is the same."""
    delivery = check.good()
    told = check.describe(delivery)
    with check.session() as session:
        first, second = (_one(check, session, delivery) for _time in range(2))
    if not isinstance(first[0], Accepted):
        check.fault(f"A good payload is not accepted: {_in_words(first[0])}.")
        return
    sent = first[1]
    if not sent:
        check.fault("It accepts a delivery of which nothing has come to the other side.")
        return
    for place in _differences(told, sent[-1], check.peer.varies):
        check.fault(f"describe does not show what is sent, in: {place}.")
    if check.peer.takes_key and delivery.idempotency_key not in repr(sent):
        check.fault("It does not pass the idempotency key on.")
    if second[1] and any(_differences(sent[-1], second[1][-1], check.peer.varies)):
        check.fault("A repeat of a delivery is not the same request as the first one.")


def _one(check: _Check, session: Session, delivery: Delivery) -> tuple[Outcome | None, Sequence[Description]]:
    """The outcome, and what came of it to the other side."""
    before = len(check.peer.requests())
    outcomes = check.push(session, [delivery])
    return (outcomes[0] if outcomes else None), check.peer.requests()[before:]


def _delivers_each_as_it_is(check: _Check) -> None:
    """Several deliveries: each has its outcome, and the system gets each payload as it is."""
    deliveries = [check.good() for _number in range(MOST_TOGETHER)]
    same = deliveries[0].payload  # the engine may hand over one object for two that are equal
    deliveries.append(check.delivery(same))
    before = len(check.peer.received())
    with check.session() as session:
        outcomes = check.push(session, deliveries)
    for outcome in outcomes:
        if not isinstance(outcome, Accepted):
            check.fault(f"A good payload is not accepted among others: {_in_words(outcome)}.")
            return
    missing = _missing([delivery.payload for delivery in deliveries], check.peer.received()[before:])
    if missing:
        check.fault(
            f"{missing} of {len(deliveries)} payloads did not come to the other side as they were:"
            " something is shared between deliveries, or lost."
        )


def _missing(wanted: Sequence[JSON], received: Sequence[JSON]) -> int:
    """How many were not received."""
    left = list(received)
    missing = 0
    for payload in wanted:
        if payload in left:
            left.remove(payload)
        else:
            missing += 1
    return missing


def _bad_ones_fail_alone(check: _Check) -> None:
    """One bad payload among good ones fails alone, wherever it stands."""
    for payload in check.peer.refused():
        for place in (0, 1, 2):
            deliveries = [check.good(), check.good()]
            deliveries.insert(place, check.delivery(payload))
            before = len(check.peer.received())
            with check.session() as session:
                outcomes = check.push(session, deliveries)
            if len(outcomes) != len(deliveries):
                return  # said already
            _look_at_the_bad_one(check, outcomes, deliveries, place)
            good = [delivery.payload for at, delivery in enumerate(deliveries) if at != place]
            if _missing(good, check.peer.received()[before:]):
                check.fault("A bad payload keeps good ones from the other side: one bad item fails alone.")


def _one_bad_one_in_a_whole_batch(check: _Check) -> None:
    """In a batch as large as the connector wants, up to a hundred, one bad payload is one rejection."""
    size = min(WHOLE_BATCH, batch_size(check.connector, check.peer.settings))
    if size <= MOST_TOGETHER:
        return
    for payload in check.peer.refused():
        deliveries = [check.good() for _number in range(size)]
        place = size // 2
        deliveries[place] = check.delivery(payload)
        with check.session() as session:
            outcomes = check.push(session, deliveries)
        if len(outcomes) == size:
            _look_at_the_bad_one(check, outcomes, deliveries, place)


def _look_at_the_bad_one(
    check: _Check, outcomes: Sequence[Outcome], deliveries: Sequence[Delivery], place: int
) -> None:
    for at, outcome in enumerate(outcomes):
        if at != place and not isinstance(outcome, Accepted):
            said = _in_words(outcome)
            check.fault(f"A good payload beside a bad one is not accepted: {said}. One bad item fails alone.")
    bad = outcomes[place]
    if not isinstance(bad, Rejected):
        check.fault(f"A payload that is refused for what it says is to be Rejected, and is {_in_words(bad)}.")
        return
    said = value_search.folded(bad.reason)
    told = value_search.forms(texts(deliveries[place].payload), said, any_case=True)
    if any(form in said for form in told):
        check.fault("A reason repeats what the payload says: reasons are kept, and read by many.")


def _no_answer_is_unknown(check: _Check) -> None:
    """What was sent and got no answer is Unknown, and its repeat is the same with the same key."""
    delivery = check.good()
    before = len(check.peer.requests())
    with check.session() as session:
        with check.peer.silent():
            outcomes = check.push(session, [delivery])
        if not outcomes or not isinstance(outcomes[0], Unknown):
            said = _in_words(outcomes[0] if outcomes else None)
            check.fault(f"What was sent and got no answer has to be Unknown, and is {said}.")
        came = check.peer.requests()[before:]
        repeated = _one(check, session, delivery)
    if not isinstance(repeated[0], Accepted):
        said = _in_words(repeated[0])
        check.fault(f"After an answer that did not come a repeat is to be Accepted, and is {said}.")
    elif came and repeated[1] and any(_differences(came[0], repeated[1][-1], check.peer.varies)):
        check.fault("The repeat of what got no answer is another request: it has to carry the same.")


def _wrong_credentials(check: _Check) -> None:
    """Wrong credentials are a problem of the destination, not of a payload."""
    if check.peer.wrong_credentials is None:
        return
    try:
        with check.session(check.peer.wrong_credentials) as session:
            check.shown("what check says", session.check())
        check.fault("With wrong credentials check has to raise ConfigurationError, and finds nothing wrong.")
    except ConfigurationError as error:
        check.shown("what check raises", error)
    try:
        with check.session(check.peer.wrong_credentials) as session:
            outcomes = check.push(session, [check.good()])
    except ConfigurationError:
        return
    if not outcomes or not isinstance(outcomes[0], Hold):
        said = _in_words(outcomes[0] if outcomes else None)
        check.fault(
            f"With wrong credentials push has to raise ConfigurationError or answer Hold; it answers {said}."
        )


def _who_leaves(check: _Check) -> None:
    """A profile that leaves is taken away, and what is gone already is fine."""
    for operation in operations_of(check.connector, check.peer.settings):
        if operation == "upsert":
            continue
        with check.session() as session:
            outcome, _sent = _one(check, session, check.good())
            remote = outcome.remote if isinstance(outcome, Accepted) else None
            leaving = check.delivery(None, operation, remote)
            told = check.describe(leaving)
            outcome, sent = _one(check, session, leaving)
            again, _sent = _one(check, session, leaving)
        if not isinstance(outcome, Accepted):
            check.fault(f"{operation} of a profile that is there is not accepted: {_in_words(outcome)}.")
        elif not sent:
            check.fault(f"{operation} is accepted, and nothing has come to the other side.")
        else:
            for place in _differences(told, sent[-1], check.peer.varies):
                check.fault(f"describe does not show what is sent for {operation}, in: {place}.")
        if not isinstance(again, Accepted):
            check.fault(f"{operation} of what is gone already is to be accepted, and is {_in_words(again)}.")


def _looks_without_touching(check: _Check) -> None:
    """What a session offers beside pushing changes nothing, and says what it should."""
    offered = abilities(check.connector, check.peer.settings)
    with check.session() as opened:
        session: Any = opened
        if "fields" in offered:
            check.unchanged("fields", lambda: _look_at_fields(check, session.fields()))
        if "read" in offered:
            outcome, _sent = _one(check, session, delivery := check.good())
            known = replace(delivery, remote=getattr(outcome, "remote", None) or {})
            check.unchanged("read", lambda: _look_at_held(check, session.read([known, known]), known))


def _look_at_fields(check: _Check, found: Sequence[Field]) -> None:
    check.shown("what fields tells", found)
    if not all(isinstance(field, Field) and field.name for field in found):
        check.fault("fields tells something else than Field objects with names.")


def _look_at_held(check: _Check, found: Sequence[Held], delivery: Delivery) -> None:
    check.shown("what read tells", found)
    if len(found) != 2 or not all(isinstance(held, Held) for held in found):
        check.fault("read does not tell one Held for each delivery.")
    elif any(held.problem or held.payload is None for held in found):
        check.fault("read does not find a profile that was accepted just before.")
    elif isinstance(delivery.payload, Mapping) and not _has_all(found[0].payload, delivery.payload):
        check.fault("read does not tell what was sent just before, in the form of the payload.")


def _has_all(held: JSON, payload: Mapping[str, JSON]) -> bool:
    """More may be held, in objects within it, too."""
    return isinstance(held, Mapping) and all(
        _has_all(held.get(name), value) if isinstance(value, Mapping) else held.get(name) == value
        for name, value in payload.items()
    )


def _handed_over(check: _Check) -> None:
    """What is handed over stays as it is."""
    check.look_at_what_was_handed()
    check.shown("the repr of the connector", check.connector)


_RULES: Final[tuple[Callable[[_Check], None], ...]] = (
    _is_declared,
    _begins_and_goes_on,
    _opening_and_describing_change_nothing,
    _sends_what_it_describes,
    _delivers_each_as_it_is,
    _bad_ones_fail_alone,
    _one_bad_one_in_a_whole_batch,
    _no_answer_is_unknown,
    _wrong_credentials,
    _who_leaves,
    _looks_without_touching,
    _handed_over,
)


def _in_words(outcome: Outcome | None) -> str:
    """Without its reason: that may hold what must not be shown."""
    return "nothing at all" if outcome is None else type(outcome).__name__


def _differences(told: JSON, sent: JSON, varies: Sequence[str] | Any, place: str = "") -> Iterator[str]:
    """Where what was told is not what was sent; at the top more may be told than can be seen."""
    if isinstance(told, Mapping) and isinstance(sent, Mapping):
        names = set(sent) if not place else {*told, *sent}
        for name in sorted(names - set(varies)):
            inner = f"{place}.{name}" if place else str(name)
            yield from _differences(told.get(name, _SKIPPED), sent.get(name, _SKIPPED), varies, inner)
    elif isinstance(told, str) and isinstance(sent, str) and MASK in told:
        pattern = ".*".join(map(re.escape, told.split(MASK)))
        if not re.fullmatch(pattern, sent, re.DOTALL):
            yield place
    elif told != sent:
        yield place or "the whole"
