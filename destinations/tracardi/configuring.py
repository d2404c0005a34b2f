"""Making resources and destinations of what Tracardi has.

What is complete becomes what it was. What a person has to look at first is made all the same, and switched
off: the work that is in it is kept, and nothing is sent by mistake. What is here already under its name is
not overwritten unless that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from django.core.exceptions import ValidationError

from destinations import configuration
from destinations.configuration import catalogue, validation
from destinations.configuration.history import Author
from destinations.connectors import registry, schemas
from destinations.connectors.base import Connector, Schema
from destinations.connectors.capabilities import understood_credentials
from destinations.insight import checking
from destinations.models import Destination, Extension, Resource
from destinations.notation import NotationError, parse_condition, parse_template
from destinations.notation import warnings as notation_warnings
from destinations.notation.warnings import OFFERED
from destinations.tracardi import counterparts
from destinations.tracardi.counterparts import Counterpart, Findings, Wishes, filled_in, known_only
from destinations.tracardi.given import GivenDestination, GivenResource
from destinations.tracardi.report import Entry, Report
from tracsync.common.encryption import get_readable
from tracsync.common.messages import message

AUTHOR: Final = Author(message("an import from Tracardi"))
LONGEST_NAME: Final = 200

Row = TypeVar("Row", Resource, Destination)
Given = TypeVar("Given", GivenResource, GivenDestination)


@dataclass(frozen=True, slots=True)
class Options:
    """How an import goes about it.

    `update`: what is here under the same name becomes as the file has it. `off`: destinations are switched
    off. `resources`: names of resources here, by the ids that they have in Tracardi.
    """

    update: bool = False
    off: bool = False
    resources: Mapping[str, str] = field(default_factory=dict)
    wishes: Wishes = field(default_factory=Wishes)


class Configuring:
    """One import; the caller's transaction holds all of it. Raises configuration.revisions.Stale."""

    def __init__(self, options: Options, report: Report) -> None:
        self._options, self._report = options, report
        self._resources: dict[str, Resource] = {}  # by the id in Tracardi
        self._given: set[str] = set()
        self._incomplete: set[str] = set()

    def run(self, resources: list[GivenResource], destinations: list[GivenDestination]) -> None:
        for id, name in self._options.resources.items():
            self._resources[id] = Resource.objects.get(name=name)
        self._given = {given.id for given in resources}
        packages = {given.resource: given.package for given in destinations}
        for given, name in _named(resources):
            entry = self._entry("resource", name, given)
            counterpart = (
                counterparts.of_package(given.package)
                or counterparts.of_type(given.type)
                or counterparts.of_package(packages.get(given.id, ""))
            )
            self._resource(given, counterpart, entry)
        for one, name in _named(destinations):
            self._destination(one, self._entry("destination", name, one))

    def _entry(self, kind: str, name: str, given: GivenResource | GivenDestination) -> Entry:
        entry = Entry(kind, name, given.place)
        if other := self._report.superseded.get((kind, given.id)):
            entry.findings.notes.append(
                f"it stands at {other}, too, and is another one there: the last is taken"
            )
        self._report.entries.append(entry)
        return entry

    def _resource(self, given: GivenResource, counterpart: Counterpart | None, entry: Entry) -> None:
        connector = _connector(given.package or given.type, counterpart, entry.findings)
        if connector is None or counterpart is None:
            return
        entry.detail = connector.name
        sets = {
            name: _credentials(name, connector, counterpart, getattr(given, name), entry.findings)
            for name in ("production", "test")
        }
        if not given.enabled:
            entry.findings.notes.append("it is switched off in Tracardi, and here")
        before = _stored(Resource, entry.name)
        if before is not None and before.type_id != connector.slug:
            entry.findings.needs.append("a resource of this name is of another type: rename it, import again")
            return
        wanted = {**sets, "tags": given.tags, "enabled": given.enabled}
        resource = before or Resource(name=entry.name, type=self._installed(connector.slug))
        stored = _values(resource, wanted)
        _set(resource, wanted)
        errors = _complete_resource(resource, sets, entry.findings)
        entry.findings.needs += errors
        if entry.findings.needs:
            resource.enabled = False
            self._incomplete.add(given.id)
        self._keep(entry, resource, before, stored, bool(errors))
        self._resources[given.id] = resource

    def _destination(self, given: GivenDestination, entry: Entry) -> None:
        findings = entry.findings
        counterpart = counterparts.of_package(given.package)
        resource = self._resources.get(given.resource) or self._guessed(given, counterpart, entry)
        if resource is not None and not given.package:
            counterpart = counterparts.of_slug(resource.type_id)
        connector = _connector(given.package, counterpart, findings)
        if resource is None or connector is None or counterpart is None:
            return
        if resource.type_id != connector.slug:
            findings.needs.append(f"it is for {connector.name}, and its resource is of {resource.type.name}")
            return
        entry.detail = f"to {resource.name}"
        wanted = self._wanted(given, resource, connector, counterpart, findings)
        before = _stored(Destination, entry.name)
        destination = before or Destination(name=entry.name)
        stored = _values(destination, wanted) if before is not None else {}
        _set(destination, wanted)
        errors = _errors(validation.check_destination, destination, wanted["settings"])
        if given.resource in self._incomplete:
            errors["settings"] = ["its resource has to be completed first"]
        findings.needs += [f"{name}: {text}" for name, texts in errors.items() for text in texts]
        if findings.needs:
            destination.enabled = False
        else:
            findings.notes += [f"{one.field}, {one.sentence}" for one in checking.warnings(destination, None)]
        self._keep(entry, destination, before, stored, bool(errors))

    def _wanted(
        self,
        given: GivenDestination,
        resource: Resource,
        connector: Connector,
        counterpart: Counterpart,
        findings: Findings,
    ) -> dict[str, Any]:
        """The fields of the destination."""
        init = filled_in(given.init)
        settings, mapping = counterpart.settings(init, given.mapping, self._options.wishes, findings)
        settings = schemas.understood(connector.settings_schema, settings)
        settings = known_only("settings", connector.settings_schema, settings, findings)
        if settings.get("ssl_check") is False and _has_secrets(resource, connector):
            del settings["ssl_check"]
            findings.needs.append(
                "certificates are not verified in Tracardi (ssl_check), and the resource holds secrets:"
                " switch ssl_check off there if you must, where the secrets are entered again"
            )
        _about_events(given, mapping, findings)
        if not given.enabled:
            findings.notes.append("it is switched off in Tracardi, and here")
        return {
            "description": given.description,
            "resource": resource,
            "prerequisites": given.condition,
            "mapping": mapping,
            "settings": settings,
            "enabled": given.enabled and not self._options.off,
            "tags": given.tags,
        }

    def _guessed(
        self, given: GivenDestination, counterpart: Counterpart | None, entry: Entry
    ) -> Resource | None:
        """Where none of the files holds its resource: the one that it has here already, or the only one here
        that it can be for; with that a person has to agree."""
        id, needs = given.resource, entry.findings.needs
        if not id or id in self._given:
            needs.append("its resource is not imported" if id else "it names no resource")
            return None
        fitting = Resource.objects.filter(type=counterpart.slug if counterpart else "")
        if (known := fitting.filter(destinations__name=entry.name).first()) is not None:
            return known
        unknown = f"its resource {id} is in none of the files"
        if fitting.count() != 1:
            needs.append(f"{unknown}: name that file, too, or say --resource {id}=NAME")
            return None
        only = fitting.get()
        needs.append(f"{unknown}. {only.name}, the only one of its type here, is taken: is it the right one?")
        return only

    def _installed(self, slug: str) -> Extension:
        extension = Extension.objects.filter(pk=slug).first()
        if extension is None or not extension.installed:
            extension = catalogue.install(slug)
            self._report.installed.append(extension.name)
        return extension

    def _keep(
        self, entry: Entry, row: Row, before: Row | None, stored: Mapping[str, Any], is_wrong: bool
    ) -> None:
        """Save it, or say why not. `stored`: what the row had before it was given what is wanted."""
        entry.is_off = not row.enabled
        differing = [name for name, value in stored.items() if getattr(row, name) != value]
        if before is None:
            entry.outcome = "created"
        elif not differing:
            entry.outcome = "unchanged"
            return
        elif not self._options.update or is_wrong:
            entry.outcome, entry.detail = "kept", ", ".join(differing)
            for name, value in stored.items():
                setattr(row, name, value)
            return
        else:
            entry.outcome, entry.detail = "changed", ", ".join(differing)
        configuration.save(row, by=AUTHOR, expected=before.revision if before is not None else None)


def _named(given: Iterable[Given]) -> list[tuple[Given, str]]:
    """Each with its name here, the same in whatever order they come: where several share one, the others but
    the first by id have theirs added."""
    found = list(given)
    names: dict[str, str] = {}
    for one in sorted(found, key=lambda one: one.id):
        name = one.name[:LONGEST_NAME]
        if name in names.values():
            name = f"{one.name[: LONGEST_NAME // 2]} ({one.id})"[:LONGEST_NAME]
        names[one.id] = name
    return [(one, names[one.id]) for one in found]


def _connector(named: str, counterpart: Counterpart | None, findings: Findings) -> Connector | None:
    name = named.rpartition(".")[2]
    if counterpart is None:
        findings.needs.append(
            f"no connector here is what {name or 'it'} is in Tracardi: if it is needed, describe the system"
            " by settings of the HTTP API or in a manifest"
        )
        return None
    connector = registry.find(counterpart.slug)
    if connector is None:
        findings.needs.append(f"the connector {counterpart.slug} is not installed here: {name} needs it")
    return connector


def _credentials(
    name: str, connector: Connector, counterpart: Counterpart, given: dict[str, Any], findings: Findings
) -> dict[str, Any]:
    made = counterpart.credentials(filled_in(given), findings) if given else {}
    schema = connector.credentials_schema
    read = schemas.understood(schema, understood_credentials(connector, made))
    return known_only(f"{name} credentials", schema, read, findings)


def _stored(model: type[Row], name: str) -> Row | None:
    try:
        return get_readable(model.objects.all(), name=name)[0]
    except model.DoesNotExist:
        return None


def _values(row: Row, wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in wanted} if row.pk else {}


def _set(row: Row, wanted: Mapping[str, Any]) -> None:
    """What the file does not say of credentials and settings, such as a password, stays."""
    for name, value in wanted.items():
        stays = getattr(row, name) if row.pk and name in ("production", "test", "settings") else {}
        setattr(row, name, {**stays, **value} if stays else value)


def _complete_resource(resource: Resource, entered: Mapping[str, Any], findings: Findings) -> list[str]:
    """What is wrong with it. Test credentials that cannot be used are left out: they are not needed."""
    errors = _errors(validation.check_resource, resource, entered)
    if resource.test and errors.keys() == {"test"}:
        findings.notes.append(f"test credentials: left out, {'; '.join(errors['test'])}")
        resource.test = {}
        errors = _errors(validation.check_resource, resource, entered)
    return [f"{name} credentials: {text}" for name, texts in errors.items() for text in texts]


def _errors(check: Any, row: Row, entered: Mapping[str, Any]) -> dict[str, list[str]]:
    try:
        check(row, entered)
    except ValidationError as error:
        return dict(error.message_dict)
    return {}


def _has_secrets(resource: Resource, connector: Connector) -> bool:
    schema: Schema = connector.credentials_schema
    return any(schemas.secrets(schema, one) for one in (resource.production, resource.test))


def _about_events(given: GivenDestination, mapping: Any, findings: Findings) -> None:
    """Pushes are of profiles: what Tracardi sends when something happens is for a person to decide."""
    if given.event_type:
        findings.needs.append(
            f"it is for events of the type {given.event_type}, and there are no events here: decide which"
            " profiles it is for"
        )
    if given.source:
        findings.needs.append(f"it is for what comes from the source {given.source}: decide which profiles")
    for name, parse, value in (
        ("prerequisites", parse_condition, given.condition or None),
        ("mapping", parse_template, mapping),
    ):
        if sources := _other_sources(parse, value):
            findings.needs.append(
                f"{name}: {', '.join(sources)} is never there, as a push has the profile only: rewrite it"
            )
    if not given.on_change_only:
        findings.notes.append(
            "it is sent at each event in Tracardi; here a profile is sent when it has changed"
        )


def _other_sources(parse: Any, value: Any) -> list[str]:
    if value is None:
        return []
    try:
        found = notation_warnings.fields(parse(value).written)
        return sorted({f"{one.source}@" for one, _written in found if one.source != OFFERED})
    except NotationError:
        return []  # validation says what is wrong
