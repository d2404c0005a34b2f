"""Making what is set up here what files say: planned and applied by the same code, in one transaction."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from destinations import configuration
from destinations.config_files import differences, reach
from destinations.config_files.documents import Configuration, Entry, Kind, unknown
from destinations.config_files.exporting import schemas_of
from destinations.config_files.fields import KNOWN, MODELS, PLAIN, RENAMED_FROM, SETS, WORDS, wrong_type
from destinations.config_files.places import InvalidConfiguration, Problem
from destinations.config_files.plan import Action, Plan, Step
from destinations.config_files.references import Secrets
from destinations.configuration import catalogue, saving, validation
from destinations.configuration.history import Author
from destinations.configuration.revisions import Stale
from destinations.connectors.base import ConfigurationError, ConnectorError, Schema
from destinations.models import TODAYS, Destination, Extension, Resource, slugs
from tracsync.common import trail
from tracsync.common.encryption import UndecryptableValue, get_readable

JSON = Any
Entered = Mapping[str, Any]
Row = TypeVar("Row", Resource, Destination)


class Outdated(Exception):
    """What is here, or what the files say, is not what was planned; nothing is changed."""

    def __init__(self) -> None:
        super().__init__(
            "What is here, or the files, have changed since that plan: plan again. Nothing is changed"
        )


@dataclass(frozen=True, slots=True)
class Options:
    """`secrets`: what references stand for. `prune`: delete what the files do not have, of the kinds that
    they have. `expected`: the fingerprint of the plan that was looked at; None is any.
    """

    secrets: Secrets
    prune: bool = False
    expected: str | None = None


def plan(wanted: Configuration, options: Options) -> Plan:
    """What `apply` would do, and which profiles that reaches. Nothing is changed.

    Raises InvalidConfiguration with all that is wrong, and Outdated.
    """
    work = _run(wanted, options, None, dry=True)
    reach.measure(work.plan, work.befores, work.afters)
    return work.plan


def apply(wanted: Configuration, options: Options, by: Author | None) -> Plan:
    """Do it, all of it or nothing, and say what was done. `by`: None is the command line.

    Raises InvalidConfiguration, and Outdated, also where somebody edits the same at this moment.
    """
    return _run(wanted, options, by, dry=False).plan


def _run(wanted: Configuration, options: Options, by: Author | None, *, dry: bool) -> _Work:
    try:
        with transaction.atomic():
            work = _Work(wanted, options, by, dry=dry)
            work.run()
            if dry:
                transaction.set_rollback(True)
            elif work.plan.changes or work.plan.installs:
                counts = {one.action: 0 for one in work.plan.changes}
                for one in work.plan.changes:
                    counts[one.action] += 1
                trail.note(
                    trail.Action.APPLIED, changes={name: [None, count] for name, count in counts.items()}
                )
            return work
    except (Stale, IntegrityError):
        raise Outdated from None


class _Work:
    def __init__(self, wanted: Configuration, options: Options, by: Author | None, *, dry: bool) -> None:
        self._wanted, self._options, self._by, self._dry = wanted, options, by, dry
        self._stand_ins: list[int] = []  # ids of resources that a plan is rolled back with
        self._problems: list[Problem] = []
        self._incomplete: set[str] = set()  # slugs of resources
        self.plan = Plan()
        self.befores: dict[tuple[Kind, str], Resource | Destination] = {}  # by the slug in the files
        self.afters: dict[tuple[Kind, str], Resource | Destination] = {}

    def run(self) -> None:
        """In an order in which nothing is in the way: what goes frees its name, and what is used stays."""
        slugs.give_missing(Resource, Destination)
        if self._options.prune:
            self._prune("destinations")
        for entry in self._wanted.of("resources"):
            if not self._take(entry, Resource):
                self._incomplete.add(entry.slug)
        for entry in self._wanted.of("destinations"):
            self._take(entry, Destination)
        if self._options.prune:
            self._prune("resources")
        if self._problems:
            raise InvalidConfiguration(self._problems)
        # Applied already, as when a job of CI is started again: there is nothing to refuse.
        has_changes = self.plan.changes or self.plan.installs
        if has_changes and self._options.expected not in (None, self.plan.fingerprint):
            raise Outdated

    def _take(self, entry: Entry, model: type[Row]) -> bool:
        """Have one row become as its entry says; whether it could."""
        before = len(self._problems)
        self._check_form(entry)
        if len(self._problems) > before:
            return False
        try:
            return self._made(entry, _stored(entry, model), model)
        except (ConfigurationError, UndecryptableValue) as error:
            self._problems.append(entry.problem(str(error)))
            return False

    def _made(self, entry: Entry, stored: Row | None, model: type[Row]) -> bool:
        """As `_take`. Raises ConfigurationError and UndecryptableValue for what is stored."""
        before = len(self._problems)
        row = copy.deepcopy(stored) if stored is not None else model()
        for one in (stored, row):
            if stored is not None and one is not None:  # what only its connector changes is no difference
                one.bring_up_to_date()
        row.slug = entry.slug
        for name in PLAIN[entry.kind]:
            if name in entry.fields:
                setattr(row, name, entry.fields[name])
        fill: Any = self._fill_resource if isinstance(row, Resource) else self._fill_destination
        entered = fill(entry, row)
        if entered is not None and len(self._problems) == before:
            self._check(entry, row, entered)
        if entered is None or len(self._problems) > before:
            return False
        self._keep(entry, row, stored)
        return True

    def _check_form(self, entry: Entry) -> None:
        try:
            MODELS[entry.kind]._meta.get_field("slug").run_validators(entry.slug)
        except ValidationError as error:
            self._problems += (entry.problem(text) for text in error.messages)
        known = KNOWN[entry.kind]
        for name, value in entry.fields.items():
            if name not in known:
                self._problems.append(entry.problem(unknown(name, known), name))
            elif name in PLAIN[entry.kind] and (said := wrong_type(entry.kind, name, value)):
                self._problems.append(entry.problem(said, name))
            elif name in ("type", "resource", RENAMED_FROM) and not isinstance(value, str):
                self._problems.append(entry.problem("this must be a text", name))
            elif name in ("credentials", "settings") and not isinstance(value, dict):
                self._problems.append(entry.problem("this must be an object of fields and values", name))

    def _fill_resource(self, entry: Entry, row: Resource) -> Entered | None:
        """Its type and its credentials; answers what was entered of these, None where that cannot be told."""
        kind = entry.fields.get("type", row.type_id)
        if kind is None:
            self._problems.append(entry.problem("a new resource needs a type: the slug of an extension"))
            return None
        extension = self._installed(entry, kind)
        if extension is None:
            return None
        if row.pk and kind != row.type_id and row.destinations.exists():
            said = "destinations use this resource: its type cannot change"
            self._problems.append(entry.problem(said, "type"))
            return None
        row.type = extension
        schema, _settings = schemas_of(kind)
        entered: dict[str, Any] = {}
        for name, fields in entry.fields.get("credentials", {}).items():
            if name not in SETS:
                self._problems.append(entry.problem(unknown(name, SETS), "credentials", name))
            elif fields is not None and not isinstance(fields, dict):
                said = "this must be an object of fields and values"
                self._problems.append(entry.problem(said, "credentials", name))
            else:
                place = ("credentials", name)
                value, entered[name] = self._filled(entry, schema, fields, getattr(row, name), place)
                setattr(row, name, {key: item for key, item in value.items() if item is not None})
                row.credentials_version = TODAYS
        return entered

    def _fill_destination(self, entry: Entry, row: Destination) -> Entered | None:
        """Its resource and its settings; answers as above."""
        slug = entry.fields.get("resource", row.resource.slug if row.resource_id else None)
        if slug in self._incomplete:
            return None
        resource = Resource.objects.filter(slug=slug).first() if slug else None
        if resource is None:
            missing = f"there is no resource with the slug {slug}, neither here nor in the files"
            said = missing if slug else "a new destination needs a resource: the slug of one"
            self._problems.append(entry.problem(said, "resource"))
            return None
        row.resource = resource
        if "settings" not in entry.fields:
            return {}
        _credentials, schema = schemas_of(resource.type_id)
        given = entry.fields["settings"]
        row.settings, entered = self._filled(entry, schema, given, row.settings, ("settings",))
        row.settings_version = TODAYS
        return entered

    def _filled(
        self,
        entry: Entry,
        schema: Schema,
        given: dict[str, JSON] | None,
        stored: JSON,
        place: tuple[str, ...],
    ) -> tuple[dict[str, JSON], Entered]:
        if given is None:  # no such credentials at all
            return {}, {}
        filled = self._options.secrets.fill(schema, given, stored if isinstance(stored, Mapping) else {})
        self._problems += (entry.problem(sentence, *place, *path) for path, sentence in filled.problems)
        return filled.value, filled.entered

    def _installed(self, entry: Entry, slug: str) -> Extension | None:
        extension = Extension.objects.filter(pk=slug).first()
        if extension is not None and extension.installed:
            return extension
        try:
            extension = catalogue.install(slug)
        except Extension.DoesNotExist:
            known = Extension.objects.values_list("pk", flat=True)
            self._problems.append(entry.problem(unknown(slug, known, "extension"), "type"))
            return None
        except ConnectorError as error:
            self._problems.append(entry.problem(str(error), "type"))
            return None
        self.plan.installs.append(slug)
        return extension

    def _check(self, entry: Entry, row: Resource | Destination, entered: Entered) -> None:
        """As the admin and the API do; each mistake with the place of its field."""
        others = [field.name for field in row._meta.fields if field.name not in ("slug", *PLAIN[entry.kind])]
        check: Any = validation.check_resource if isinstance(row, Resource) else validation.check_destination
        for checked in (
            partial(row.clean_fields, exclude=[*others, "mapping"]),
            partial(row.validate_unique, exclude=others),
            partial(check, row, entered),
        ):
            try:
                checked()
            except ValidationError as error:
                for name, sentences in error.message_dict.items():
                    self._problems += (entry.problem(text, *_place(name)) for text in sentences)

    def _keep(self, entry: Entry, row: Resource | Destination, stored: Resource | Destination | None) -> None:
        """Note what is different, and store it if anything is."""
        key = (entry.kind, entry.slug)
        if stored is not None:
            self.befores[key] = stored
        self.afters[key] = row
        was, is_now = (differences.leaves(entry.kind, one) for one in (stored, row))
        found = differences.between(was, is_now)
        step = Step(entry.kind, entry.slug, row.name, "unchanged", found)
        self.plan.steps.append(step)
        if stored is not None:
            step.revision = stored.revision
        if stored is not None and not found:
            return
        action: Action = "create" if stored is None else "change"
        step.action = action
        if isinstance(row, Destination):
            step.reshapes = stored is None or saving.changes_what_is_sent(_destination(stored), row)
        configuration.save(row, by=self._by, expected=step.revision if stored is not None else None)

    def _prune(self, kind: Kind) -> None:
        if kind not in self._wanted.kinds:
            return
        entries = self._wanted.of(kind)
        named = [str(one) for entry in entries for one in (entry.slug, entry.fields.get(RENAMED_FROM, ""))]
        secrets = ("settings",) if kind == "destinations" else SETS
        hidden = self._stand_ins if kind == "resources" else ()
        rows: Any = MODELS[kind].objects.exclude(slug__in=named).exclude(pk__in=hidden).defer(*secrets)
        for row in rows:
            step = Step(kind, row.slug, row.name, "delete", revision=row.revision)
            self.plan.steps.append(step)
            if kind == "destinations":
                step.reach.append(reach.left_behind(row))
            try:
                self._delete(row)
            except ProtectedError as error:
                users = ", ".join(sorted(str(getattr(one, "slug", one)) for one in error.protected_objects))
                said = f"the {WORDS[kind]} {row.slug} cannot be deleted: {users} use it"
                self._problems.append(Problem("", 0, (), said))

    def _delete(self, row: Resource | Destination) -> None:
        """What a destination knows of profiles may be millions of rows: for a plan it only makes way."""
        if not self._dry or isinstance(row, Resource):
            row.delete()
            return
        kind = Resource.objects.values_list("type", flat=True).get(pk=row.resource_id)
        other = Resource.objects.create(name=uuid4().hex, type_id=kind)
        self._stand_ins.append(other.pk)
        Destination.objects.filter(pk=row.pk).update(name=other.name, slug=None, resource=other)


def _stored(entry: Entry, model: type[Row]) -> Row | None:
    """By its slug, else by the one that it had before. What no key opens any more is empty."""
    for name in (entry.slug, entry.fields.get(RENAMED_FROM)):
        if name is not None and model.objects.filter(slug=name).exists():
            row: Row = get_readable(model.objects.all(), slug=name)[0]
            return row
    return None


def _destination(row: Resource | Destination) -> Destination:
    assert isinstance(row, Destination)
    return row


def _place(name: str) -> tuple[str, ...]:
    return ("credentials", name) if name in SETS else () if name == "__all__" else (name,)
