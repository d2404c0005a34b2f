"""The fields of the other system, for writing mappings: fetched when asked for, and kept for a while.

They are kept for each resource, set of credentials, and what the connector says that they hang on: production
and test systems have fields of their own, and so has each table or object that a destination names.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta

from django.utils import timezone

from destinations.connectors import registry, schemas
from destinations.connectors.base import Ability, ConfigurationError, ConnectorError, Field
from destinations.connectors.capabilities import abilities, fields_settings
from destinations.models import Destination, KnownFields, Resource
from destinations.sync.sessions import runtime
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.messages import message

KEPT = timedelta(days=7)  # after that they are not relied on
MOST = 2000  # fields
MOST_CHOICES = 200  # of a field
LONGEST = 200  # characters of a name, title, type or choice


def offers(destination: Destination, ability: Ability = "fields") -> bool:
    """Whether its connector can do this with its settings; not where no key opens them."""
    connector = registry.find(destination.resource.type_id)
    try:
        return connector is not None and ability in abilities(connector, destination.settings)
    except UndecryptableValue:
        return False


def stored(destination: Destination) -> KnownFields | None:
    """What was fetched last, however long ago; nothing for a resource that is not saved."""
    if destination.resource.pk is None:
        return None
    rows = destination.resource.known_fields.all()  # all of them, so that lists can prefetch them
    sought = (destination.use_test_credentials, scope(destination))
    return next((row for row in rows if (row.use_test, row.scope) == sought), None)


def scope(destination: Destination) -> str:
    """What stands for the settings that its fields hang on: a hash, since settings are kept encrypted; "" for
    none."""
    connector = registry.find(destination.resource.type_id)
    names = fields_settings(connector) if connector is not None else ()
    if connector is None or not names:
        return ""
    try:
        chosen = schemas.with_defaults(connector.settings_schema, destination.settings)
    except UndecryptableValue:
        return ""
    told = json.dumps([[name, chosen.get(name)] for name in sorted(names)])
    return hashlib.sha256(told.encode()).hexdigest()


def known(destination: Destination) -> list[Field]:
    """The fields, as far as they are known and fetched lately."""
    row = stored(destination)
    return [Field(**one) for one in row.fields] if row is not None and is_recent(row) else []


def is_recent(row: KnownFields) -> bool:
    return row.fetched_at is not None and row.fetched_at >= timezone.now() - KEPT


def refresh(destination: Destination) -> KnownFields:
    """Ask the system now. Where that fails, what was known stays, and the problem is kept.

    Raises ConfigurationError where the connector cannot tell the fields.
    """
    if not offers(destination):
        raise ConfigurationError(message("this connector does not tell the fields of the other system"))
    row, _is_new = KnownFields.objects.get_or_create(
        resource=destination.resource,
        use_test=destination.use_test_credentials,
        scope=scope(destination),
    )
    try:
        found = _fetched(destination)
        row.fields, row.fetched_at, row.problem = bounded(found), timezone.now(), ""
    except (ConnectorError, UndecryptableValue) as error:
        row.problem = str(error)
    except Exception as error:  # a connector's own mistake
        row.problem = message("the connector failed with %(name)s", name=type(error).__name__)
    row.save()
    _forget_unused(row)
    return row


def _forget_unused(fetched: KnownFields) -> None:
    """Lists of settings that no destination of the resource has any more."""
    destinations = fetched.resource.destinations.defer("settings")  # of another one no key may open them
    in_use = {(one.use_test_credentials, scope(one)) for one in destinations}
    for row in fetched.resource.known_fields.exclude(pk=fetched.pk):
        if row.scope and (row.use_test, row.scope) not in in_use:
            row.delete()


def learn(resource: Resource, use_test: bool) -> None:
    """Ask the system once that it is known to answer, for those who write a mapping next.

    Only where its fields hang on no setting that a person has to choose. A failure is nobody's concern yet.
    """
    connector = registry.find(resource.type_id)
    drafted = Destination(resource=resource, use_test_credentials=use_test)
    if connector is None or not offers(drafted):
        return
    if schemas.validate(connector.settings_schema, schemas.with_defaults(connector.settings_schema, {})):
        return
    with suppress(Exception):
        found = bounded(_fetched(drafted))
        KnownFields.objects.update_or_create(
            resource=resource,
            use_test=use_test,
            scope=scope(drafted),
            defaults={"fields": found, "fetched_at": timezone.now(), "problem": ""},
        )


def bounded(found: Iterable[Field]) -> list[dict[str, object]]:
    """As they are stored: what a system says may be of any length."""
    return [_bounded(field) for _count, field in zip(range(MOST), found, strict=False)]


def _bounded(field: Field) -> dict[str, object]:
    texts = {name: str(getattr(field, name))[:LONGEST] for name in ("name", "title", "type")}
    choices = [str(choice)[:LONGEST] for choice in field.choices[:MOST_CHOICES]]
    return {**dataclasses.asdict(field), **texts, "choices": choices}


def _fetched(destination: Destination) -> list[Field]:
    connector = registry.get(destination.resource.type_id)
    destination.bring_up_to_date()
    with connector.open(destination.credentials, destination.settings, runtime(destination)) as session:
        return list(session.fields())  # type: ignore[attr-defined] # it is a KnowingSession
