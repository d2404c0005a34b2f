"""What a connector, or its session, may have beside what it must, and what is taken where it has not.

The engine and the pages ask here; connectors only have what they are asked for.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping, Sequence

from destinations.connectors.base import (
    JSON,
    Ability,
    Authorisation,
    ConfigurationError,
    Connector,
    ConnectorError,
    Limits,
    Operation,
    Outcome,
    Part,
    Preset,
    Session,
)
from tracsync.common.messages import message


def operations_of(connector: Connector, settings: Mapping[str, JSON]) -> Sequence[Operation]:
    """What a connector can be asked for with these settings.

    A class names its `operations`; where they hang on the settings it has a method
    `operations_with(settings)` that narrows them. One with neither only upserts.
    """
    narrowed: Callable[[Mapping[str, JSON]], Sequence[Operation]] | None
    narrowed = getattr(connector, "operations_with", None)
    found: Sequence[Operation] = getattr(connector, "operations", ("upsert",))
    return found if narrowed is None else narrowed(settings)


def needs_remote(connector: Connector, settings: Mapping[str, JSON]) -> bool:
    """Whether it takes profiles away by what its answers to pushes have told (`Delivery.remote`).

    `needs_remote` of the class, or `needs_remote_with(settings)`. Then a push that may have arrived is kept
    until its answer is there, and repeated before the profile is taken away.
    """
    of = getattr(connector, "needs_remote_with", None)
    return bool(of(settings)) if of else bool(getattr(connector, "needs_remote", False))


def may_make_another(connector: Connector, settings: Mapping[str, JSON]) -> bool:
    """Whether a push may make another record of a profile whose id is known, so that only its answer tells
    of that one (`may_make_another` of the class, or `may_make_another_with(settings)`). Then every push is
    kept until its answer is there, and not only the first ones.
    """
    of = getattr(connector, "may_make_another_with", None)
    return bool(of(settings)) if of else bool(getattr(connector, "may_make_another", False))


def batch_size(connector: Connector, settings: Mapping[str, JSON]) -> int:
    """How many deliveries one call of push may be given: `batch_size_of(settings)`, else `batch_size`."""
    of = getattr(connector, "batch_size_of", None)
    return int(of(settings)) if of else connector.batch_size


def understood_credentials(connector: Connector, given: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """Credentials as the connector has them: `understood_credentials(given)` reads what others call them."""
    of = getattr(connector, "understood_credentials", None)
    return of(given) if of else given


def profile_references(connector: Connector, settings: Mapping[str, JSON]) -> Sequence[str]:
    """What pushes take from the profile beside the payload, in the notation (`profile@id`).

    `profile_references(settings)` of the connector, else nothing. A push is only left out as unchanged where
    these are as they were, too.
    """
    of = getattr(connector, "profile_references", None)
    return of(settings) if of else ()


def abilities(connector: Connector, settings: Mapping[str, JSON]) -> Collection[Ability]:
    """What its sessions offer beside pushing: its `abilities`, or `abilities_with(settings)`."""
    narrowed: Callable[[Mapping[str, JSON]], Collection[Ability]] | None
    narrowed = getattr(connector, "abilities_with", None)
    found: Collection[Ability] = getattr(connector, "abilities", ())
    return found if narrowed is None else narrowed(settings)


def fields_settings(connector: Connector) -> Collection[str]:
    """The settings that the system's fields hang on, such as a table: `fields_settings`, else none."""
    found: Collection[str] = getattr(connector, "fields_settings", ())
    return found


def presets(connector: Connector) -> Sequence[Preset]:
    """What the connector offers to begin with: its `presets`."""
    found: Sequence[Preset] = getattr(connector, "presets", ())
    return found


def version(connector: Connector) -> int:
    """That of the form of its credentials and settings: `version`, 1 where it says none."""
    return int(getattr(connector, "version", 1))


_PARTS: dict[Part, str] = {"credentials": message("credentials"), "settings": message("settings")}


def migrated(connector: Connector, part: Part, stored: Mapping[str, JSON], since: int) -> Mapping[str, JSON]:
    """What was stored when the connector had the version `since`, as its version of today has it.

    `migrate(part, stored, since)` of the connector makes it, of a copy; what is empty stays so. Raises
    ConfigurationError where that cannot be done, also for what a later version has stored.
    """
    today = version(connector)
    if since == today or not stored:
        return stored
    versions = {"part": _PARTS[part], "since": since, "today": today}
    if since > today:
        raise ConfigurationError(
            message(
                "the %(part)s were saved with version %(since)s of the connector, and here is version"
                " %(today)s: install the later one",
                **versions,
            )
        )
    try:
        made = connector.migrate(part, copy.deepcopy(dict(stored)), since)  # type: ignore[attr-defined]
        if not isinstance(made, Mapping):
            raise TypeError
    except Exception as error:  # of a connector's own, which may be any; what it says may hold a secret
        reason = str(error) if isinstance(error, ConnectorError) else type(error).__name__
        raise ConfigurationError(
            message(
                "the %(part)s of version %(since)s of the connector could not be brought to version %(today)s"
                " (%(reason)s): enter them again",
                reason=reason,
                **versions,
            )
        ) from None
    return made


def authorisation(connector: Connector, credentials: Mapping[str, JSON]) -> Authorisation | None:
    """How a person authorises a resource with these credentials: `authorisation(credentials)` of the
    connector, None where nobody has to. Raises ConfigurationError."""
    of = getattr(connector, "authorisation", None)
    return of(credentials) if of else None


def token_basis(connector: Connector, credentials: Mapping[str, JSON]) -> JSON:
    """What kept tokens were given for: once it is another, they count no more.

    `token_basis(credentials)` of the connector; without it all credentials. It has to hold all that decides
    where tokens are sent.
    """
    of = getattr(connector, "token_basis", None)
    return of(credentials) if of else dict(credentials)


def ask(session: Session, jobs: Sequence[JSON]) -> Sequence[Outcome]:
    """What became of jobs that the connector has answered Pending for: `poll(jobs)` of the session.

    It answers one outcome per job, in the same order, Pending again where there is none yet, and raises
    ConnectorError when nothing could be asked. Raises AttributeError where a session has none.
    """
    poll: Callable[[Sequence[JSON]], Sequence[Outcome]] = session.poll  # type: ignore[attr-defined]
    return poll(jobs)


def limits_of(connector: Connector | None) -> Limits:
    """What holds for an account where people set nothing else: `limits` of the class, else no limit."""
    found: Limits = getattr(connector, "limits", Limits())
    return found


def lowered_limits(session: Session) -> Limits | None:
    """What the system has said, in its answers so far, of the limits of the account.

    `limits()` of the session, asked after each push: a Limits, or None where nothing was said. It narrows
    what is set, for all destinations of the account and an hour from when it was last said.
    """
    told: Callable[[], Limits | None] | None = getattr(session, "limits", None)
    return None if told is None else told()
