"""What a destination would do with a profile, and trying it with the test credentials.

Nothing here changes what is waiting or known.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, cast

from destinations.connectors import registry, schemas
from destinations.connectors.base import Accepted, Connector, ConnectorError, Delivery, Operation, Runtime
from destinations.insight import checking, path_suggestions
from destinations.insight.checking import Warned
from destinations.models import Destination, ProfileSync, Resource
from destinations.notation import NotationError, parse_condition, parse_template
from destinations.sync.remote import doubts
from destinations.sync.sessions import trial_runtime, typed_runtime
from profiles import documents
from profiles.documents import InvalidDocument
from profiles.models import Profile
from tracsync.common.messages import joined, message


@dataclass(frozen=True, slots=True)
class Preview:
    """`met` and `payload` are None where `errors` tell why they could not be found out.

    `places` say where each value of the payload comes from, `missing` which references led nowhere.
    `operation`: what the destination would be asked for; None where that is nothing. `request` is of that, or
    shows how an upsert would look. `warnings` say what in prerequisites and mapping is probably not meant.
    """

    met: bool | None
    explanation: dict[str, Any] | None
    summary: str
    payload: Any
    request: dict[str, Any] | None
    errors: list[str]
    places: list[dict[str, Any]]
    missing: list[str]
    operation: str | None = None
    warnings: list[Warned] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a real request. `duration` in seconds."""

    accepted: bool
    outcome: str
    detail: str
    status: int | None
    request: str
    response: str
    duration: float


def preview(destination: Destination, document: dict[str, Any]) -> Preview:
    """The condition's explanation, the payload and the request that would be made. Sends nothing."""
    sources = {"profile": document}
    met, explanation, summary, errors = _met(destination, sources)
    payload, request = None, None
    places: list[dict[str, Any]] = []
    missing: list[str] = []
    try:
        template = parse_template(destination.mapping)
        origins = template.explain(sources)
        places, missing = [place.as_dict() for place in origins.places], list(origins.missing)
        payload = template.render(sources)
        connector = registry.get(destination.resource.type_id)
        errors += [sentence for _, sentence in schemas.validate(connector.payload_schema, payload)]
        request = _request(connector, destination, _delivery(destination, document, payload))
    except (NotationError, ConnectorError) as error:
        errors.append(str(error))
    operation = "upsert" if met and not errors else None
    if met is False and (removal := _removal(destination, document)):
        operation, payload, places, missing, errors = destination.on_leave, None, [], [], []
        try:
            request = _request(registry.get(destination.resource.type_id), destination, removal)
        except ConnectorError as error:
            errors.append(str(error))
    warnings = checking.warnings(destination, path_suggestions.sample())
    return Preview(met, explanation, summary, payload, request, errors, places, missing, operation, warnings)


def send_test(
    destination: Destination, document: dict[str, Any], key: str, *, use_test: bool = True
) -> Trial:
    """Send a profile for real with the test or production credentials, whatever the prerequisites say.

    Raises ConnectorError and NotationError when there is nothing to send or nowhere to send it.
    """
    connector, payload = _payload(destination, document)
    destination.bring_up_to_date()
    credentials = destination.resource.credentials(use_test)
    if not credentials:
        raise ConnectorError(
            message("the resource %(name)s has no test credentials", name=destination.resource.name)
        )
    began = time.monotonic()
    runtime = trial_runtime(destination.resource, use_test)
    with connector.open(credentials, destination.settings, runtime) as session:
        [outcome] = session.push([_trial_delivery(document, payload, key)])
    exchange = outcome.exchange
    return Trial(
        accepted=isinstance(outcome, Accepted),
        outcome=type(outcome).__name__.lower(),
        detail=outcome.detail if isinstance(outcome, Accepted) else outcome.reason,
        status=exchange.status if exchange else None,
        request=exchange.request if exchange else "",
        response=exchange.response if exchange else "",
        duration=time.monotonic() - began,
    )


def as_it_would_leave(destination: Destination, document: dict[str, Any], key: str) -> dict[str, Any]:
    """The request that would be sent for a profile, whatever the prerequisites say; nothing is sent.

    Secrets are masked. Raises ConnectorError and NotationError when there is nothing to send.
    """
    connector, payload = _payload(destination, document)
    request = _request(connector, destination, _trial_delivery(document, payload, key))
    if set(request) == {"problem"}:
        raise ConnectorError(request["problem"])
    return request


def _payload(destination: Destination, document: dict[str, Any]) -> tuple[Connector, Any]:
    """Raises ConnectorError for one that the connector does not take."""
    payload = parse_template(destination.mapping).render({"profile": document})
    connector = registry.get(destination.resource.type_id)
    if problems := schemas.validate(connector.payload_schema, payload):
        raise ConnectorError(joined("; ", (sentence for _, sentence in problems)))
    return connector, payload


def check(resource: Resource, use_test: bool, settings: dict[str, Any] | None = None) -> str:
    """Try a connection and say what happened in words. Raises ConnectorError with what went wrong.

    Without settings those of one of the resource's destinations are tried.
    """
    return _checked(resource, use_test, settings, trial_runtime(resource, use_test))


def check_typed(resource: Resource, use_test: bool) -> str:
    """As `check`, with credentials that nobody has stored; what tokens they are given are forgotten."""
    return _checked(resource, use_test, None, typed_runtime())


def _checked(resource: Resource, use_test: bool, settings: dict[str, Any] | None, runtime: Runtime) -> str:
    connector = registry.get(resource.type_id)
    if settings is None and resource.pk is None:
        settings = _stand_in(connector.settings_schema)
    if settings is None:
        rows = resource.destinations.only("settings", "settings_version", "resource")
        destination = rows.order_by("-enabled", "pk").first()
        if destination is not None:
            destination.resource = resource
            destination.bring_up_to_date()
        settings = (destination and destination.settings) or _stand_in(connector.settings_schema)
    filled = schemas.with_defaults(connector.settings_schema, settings)
    with connector.open(resource.credentials(use_test), filled, runtime) as session:
        return session.check()


def _stand_in(schema: Any) -> dict[str, Any]:
    """The least that a connection needs: required texts are named after us, as nothing is created."""
    stand_in: dict[str, Any] = {}
    for name in schema.get("required", ()):
        field = schema["properties"][name]
        if field.get("type") == "object":
            stand_in[name] = _stand_in(field)
        elif field.get("type") == "string" and "default" not in field:
            stand_in[name] = next(iter(field.get("enum", ())), "tracsync")
    return stand_in


def _delivery(destination: Destination, document: dict[str, Any], payload: Any) -> Delivery:
    """With what the destination calls the profile, which may decide what is sent, and to where."""
    sync = _known(destination, document)
    remote = sync.remote if sync else {}
    id, version = str(document.get("id", "")), _version(document)
    return Delivery(payload, "preview", remote, key=id, version=version, profile=document)


def _removal(destination: Destination, document: dict[str, Any]) -> Delivery | None:
    """What is sent first for a profile that is not wanted; None where nothing would be asked for."""
    sync = _known(destination, document)
    if sync is None or not sync.may_be_there or destination.on_leave == Destination.Leaving.KEEP:
        return None
    if sync.in_doubt_there:
        return doubts.repeated(sync, sync.in_doubt_there)
    operation = cast(Operation, destination.on_leave)
    return Delivery(None, "preview", sync.remote, operation, key=sync.profile_id, version=_version(document))


def _trial_delivery(document: dict[str, Any], payload: Any, key: str) -> Delivery:
    """With the version that is stored, so that a system which has that takes this and the next push."""
    version, _digest = _stored(document)
    return Delivery(payload, key, key=str(document.get("id", "")), version=version, profile=document)


def _version(document: dict[str, Any]) -> int:
    """That of the stored profile, or the one that storing this document would make of it."""
    version, digest = _stored(document)
    try:
        return version if documents.digest(document) == digest else version + 1
    except InvalidDocument:
        return version + 1


def _stored(document: dict[str, Any]) -> tuple[int, str]:
    """Version and digest of the profile of this id; 0 and a blank where none was ever stored."""
    rows = Profile.with_deleted.filter(pk=str(document.get("id", "")))
    return rows.values_list("version", "digest").first() or (0, "")


def _known(destination: Destination, document: dict[str, Any]) -> ProfileSync | None:
    rows = ProfileSync.objects.filter(destination=destination.pk, profile=str(document.get("id", "")))
    wanted = ("profile", "synced_version", "in_doubt", "remote_id", "remote_details", "unanswered")
    return rows.only(*wanted).first()


def _request(connector: Connector, destination: Destination, delivery: Delivery) -> dict[str, Any]:
    destination.bring_up_to_date()
    try:
        return connector.describe(destination.credentials, destination.settings, delivery)
    except ConnectorError:
        raise
    except Exception as error:  # a connector's own mistake, as when it pushes
        failed = message("the connector failed with %(name)s", name=type(error).__name__)
        raise ConnectorError(failed) from error


def _met(
    destination: Destination, sources: dict[str, Any]
) -> tuple[bool | None, dict[str, Any] | None, str, list[str]]:
    if not destination.prerequisites.strip():
        return True, None, message("met: there are no prerequisites"), []
    try:
        condition = parse_condition(destination.prerequisites)
        explanation = condition.explain(sources)
        summary = explanation.summary(show_values=True)
        return condition.evaluate(sources), explanation.as_dict(), summary, []
    except NotationError as error:
        return None, None, "", [str(error)]
