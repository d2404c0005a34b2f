"""What every connector must do, built in or not, tried against the system at the other end or its double."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from jsonschema.exceptions import SchemaError

from destinations.connectors import registry, schemas, value_search
from destinations.connectors.base import (
    JSON,
    Accepted,
    ConfigurationError,
    Connector,
    Delivery,
    Field,
    Held,
    Hold,
    Outcome,
    Rejected,
    Session,
    Unknown,
)
from destinations.connectors.capabilities import (
    abilities,
    batch_size,
    migrated,
    needs_remote,
    operations_of,
    presets,
)
from destinations.connectors.redaction import MASK, texts
from destinations.connectors.testing.checker import Checker
from destinations.connectors.testing.peer import Description, Peer

MOST_TOGETHER: Final = 5  # deliveries that share a push here
WHOLE_BATCH: Final = 100  # at most, where one of them is bad
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
    check = Checker(connector, peer)
    with check.logs_read():
        for rule in _RULES:
            try:
                rule(check)
            except Exception as error:  # whatever it is, it is a fault; the other rules count
                check.shown(f"what is raised ({type(error).__name__})", error)
                check.fault(f"It raises {type(error).__name__} where it must not, in: {rule.__doc__}")
    check.look_for_secrets()
    if check.faults:
        raise ContractError(connector.slug, check.faults)


def _is_declared(check: Checker) -> None:
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


def _begins_and_goes_on(check: Checker) -> None:
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


def _look_at_fit(check: Checker, what: str, schema: Mapping[str, Any], value: Mapping[str, JSON]) -> None:
    for _path, sentence in schemas.validate(schema, schemas.with_defaults(schema, value)):
        check.fault(f"{what[0].upper()}{what[1:]} does not fit the schema: {sentence}.")


def _opening_and_describing_change_nothing(check: Checker) -> None:
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


def _sends_what_it_describes(check: Checker) -> None:
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


def _one(
    check: Checker, session: Session, delivery: Delivery
) -> tuple[Outcome | None, Sequence[Description]]:
    """The outcome, and what came of it to the other side."""
    before = len(check.peer.requests())
    outcomes = check.push(session, [delivery])
    return (outcomes[0] if outcomes else None), check.peer.requests()[before:]


def _delivers_each_as_it_is(check: Checker) -> None:
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


def _bad_ones_fail_alone(check: Checker) -> None:
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


def _one_bad_one_in_a_whole_batch(check: Checker) -> None:
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
    check: Checker, outcomes: Sequence[Outcome], deliveries: Sequence[Delivery], place: int
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


def _no_answer_is_unknown(check: Checker) -> None:
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


def _wrong_credentials(check: Checker) -> None:
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


def _who_leaves(check: Checker) -> None:
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


def _knows_who_leaves(check: Checker) -> None:
    """A profile is taken away by its key alone, or `needs_remote` says that only an answer tells by what."""
    leaving = [one for one in operations_of(check.connector, check.peer.settings) if one != "upsert"]
    for operation in leaving:
        with check.session() as session:
            outcome, _sent = _one(check, session, delivery := check.good())
            if needs_remote(check.connector, check.peer.settings):
                if isinstance(outcome, Accepted) and not outcome.remote:
                    check.fault("It needs_remote to take profiles away, and Accepted has no remote.")
                continue
            unknown = replace(check.delivery(None, operation), key=delivery.key)
            outcome, _sent = _one(check, session, unknown)
        if not isinstance(outcome, Accepted):
            told = _in_words(outcome)
            check.fault(f"{operation} without a remote is {told}, and it does not say that it needs_remote.")


def _looks_without_touching(check: Checker) -> None:
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


def _look_at_fields(check: Checker, found: Sequence[Field]) -> None:
    check.shown("what fields tells", found)
    if not all(isinstance(field, Field) and field.name for field in found):
        check.fault("fields tells something else than Field objects with names.")


def _look_at_held(check: Checker, found: Sequence[Held], delivery: Delivery) -> None:
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


def _handed_over(check: Checker) -> None:
    """What is handed over stays as it is."""
    check.look_at_what_was_handed()
    check.shown("the repr of the connector", check.connector)


_RULES: Final[tuple[Callable[[Checker], None], ...]] = (
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
    _knows_who_leaves,
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
