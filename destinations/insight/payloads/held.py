"""What a destination's system holds of a profile now, beside what the mapping makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from destinations.configuration import target_fields
from destinations.connectors import registry
from destinations.connectors.base import ConnectorError, Delivery, Held, Session
from destinations.models import Destination, ProfileSync
from destinations.notation import NotationError, parse_template
from destinations.sync.sessions import runtime
from profiles.models import Profile
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.messages import message

MOST = 500  # fields that are compared
BLANK: tuple[Any, ...] = (None, "", [], {})


@dataclass(frozen=True, slots=True)
class Difference:
    """A field by its dotted path; None stands for what is not there."""

    field: str
    held: Any
    made: Any


@dataclass(frozen=True, slots=True)
class Found:
    """`there` is None where `problem` says why it cannot be told. Only fields that the mapping makes are
    compared: more may be `held`.
    """

    there: bool | None
    problem: str = ""
    held: Any = None
    made: Any = None
    differences: list[Difference] = field(default_factory=list)


def offered(destination: Destination) -> bool:
    """Whether its connector can read back, with these settings."""
    return target_fields.offers(destination, "read")


def look(destination: Destination, profile: Profile) -> Found:
    """Ask the system now; nothing is changed there. Whatever goes wrong is told as the problem."""
    try:
        return _look(destination, profile)
    except (ConnectorError, NotationError, UndecryptableValue) as error:
        return Found(None, str(error))
    except Exception as error:  # a connector's own mistake
        return Found(None, message("the connector failed with %(name)s", name=type(error).__name__))


def _look(destination: Destination, profile: Profile) -> Found:
    if not offered(destination):
        return Found(None, message("this destination cannot be asked what it holds"))
    destination.bring_up_to_date()
    made = parse_template(destination.mapping).render({"profile": profile.document})
    sync = ProfileSync.objects.filter(destination=destination, profile=profile).first()
    remote = sync.remote if sync is not None else {}
    delivery = Delivery(made, "read", remote, "upsert", profile.pk, profile.version, profile.document)
    connector = registry.get(destination.resource.type_id)
    with connector.open(destination.credentials, destination.settings, runtime(destination)) as session:
        [found] = read_all(session, [delivery])
    return found


def read_all(session: Session, deliveries: Sequence[Delivery]) -> list[Found]:
    """What the system of a session holds, beside the payload of each. Raises ConnectorError."""
    answers = session.read(deliveries)  # type: ignore[attr-defined] # it is a KnowingSession
    return [_found(held, one.payload) for held, one in zip(answers, deliveries, strict=True)]


def _found(held: Any, made: Any) -> Found:
    if not isinstance(held, Held):
        return Found(None, message("it told nothing that can be read"), made=made)
    if held.problem:
        return Found(None, held.problem, made=made)
    if held.payload is None:
        return Found(False, made=made)
    try:
        return Found(True, "", held.payload, made, list(differences(held.payload, made)))
    except RecursionError:  # it is nested as nothing is that was sent
        return Found(None, message("it told nothing that can be read"), made=made)


def differences(held: Any, made: Any) -> Iterator[Difference]:
    """Of the fields that the mapping makes, those that are held otherwise; MOST are looked at."""
    for (path, value), _count in zip(_leaves(made), range(MOST), strict=False):
        there = _at(held, path)
        if not _same(there, value):
            yield Difference(".".join(path), there, value)


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, (*path, str(name)))
    else:
        yield path, value


def _at(held: Any, path: tuple[str, ...]) -> Any:
    """Of systems whose field names have dots in them, too."""
    if isinstance(held, Mapping) and ".".join(path) in held:
        return held[".".join(path)]
    for name in path:
        held = held.get(name) if isinstance(held, Mapping) else None
    return held


def _same(held: Any, made: Any) -> bool:
    """Systems tell numbers and booleans as texts, and nothing in several ways. Of two texts each counts."""
    if held == made or (held in BLANK and made in BLANK):
        return True
    if isinstance(held, list) and isinstance(made, list):
        return len(held) == len(made) and all(map(_same, held, made))
    if isinstance(held, Mapping | list) or isinstance(made, Mapping | list):
        return False
    if isinstance(held, str) and isinstance(made, str):
        return False
    return _plain(held) == _plain(made)


def _plain(value: Any) -> str:
    """One writing for 1, 1.0, "1", "1.0", true and "true"."""
    text = {"true": "1", "false": "0"}.get(str(value).lower(), str(value))
    try:
        return repr(float(text))
    except ValueError:
        return text
