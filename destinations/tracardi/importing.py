"""An import from Tracardi, or a rehearsal of one.

All files are read and checked first: with one record that cannot be read nothing is imported. Then resources
and destinations are made in one transaction, and profiles written in batches, as every import does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from django.db import transaction

from destinations.tracardi import shapes
from destinations.tracardi.configuring import Configuring, Options
from destinations.tracardi.encoded import UnreadableField
from destinations.tracardi.given import GivenDestination, GivenResource
from destinations.tracardi.report import Report
from destinations.tracardi.shapes import Other, Record, Unreadable
from profiles import changes
from profiles.changes import Change, Written
from profiles.documents import InvalidDocument
from profiles.imports.records import uninterrupted

MOST_FAILURES = 100  # that are told

Given = TypeVar("Given", GivenResource, GivenDestination)
Writer = Callable[[Sequence[Change]], list[Written]]


class _Files:
    """What the files hold: resources and destinations by their ids, and each profile in its turn."""

    def __init__(self, names: Sequence[str], report: Report) -> None:
        self._names, self._report = names, report
        self.resources: dict[str, GivenResource] = {}
        self.destinations: dict[str, GivenDestination] = {}

    def read(self) -> None:
        """All of them, with a rehearsal of the profiles. Raises UnusableFile."""
        self._profiles(self._sorted(), changes.rehearse)

    def write_profiles(self) -> None:
        self._report.profiles.clear()
        profiles = (one for name in self._names for one in shapes.records(name) if isinstance(one, Record))
        self._profiles((one for one in profiles if one.kind == "profile"), changes.write)

    def _sorted(self) -> Iterator[Record]:
        """The profiles; all others are kept, counted or told."""
        for name in self._names:
            for found in shapes.records(name):
                if isinstance(found, Unreadable):
                    self._fail(str(found))
                elif isinstance(found, Other):
                    self._report.others[found.kind] += 1
                elif found.kind == "profile":
                    yield found
                else:
                    self._keep(found)

    def _keep(self, record: Record) -> None:
        try:
            if record.kind == "resource":
                self._take(self.resources, record, GivenResource.read(record))
            else:
                self._take(self.destinations, record, GivenDestination.read(record))
        except UnreadableField as error:
            self._fail(f"{record.place}: {error}")

    def _take(self, known: dict[str, Given], record: Record, given: Given) -> None:
        before = known.get(record.id)
        if before is not None and before != given:
            self._report.superseded[record.kind, record.id] = before.place
        known[record.id] = given

    def _profiles(self, records: Iterator[Record], write: Writer) -> None:
        batch: list[tuple[str, Change]] = []
        for record in records:
            try:
                batch.append((record.place, _change(record)))
            except InvalidDocument as error:
                self._fail(f"{record.place}: {error}")
            if len(batch) == changes.BATCH_SIZE:
                self._write(batch, write)
                batch = []
        self._write(batch, write)

    def _write(self, batch: list[tuple[str, Change]], write: Writer) -> None:
        with uninterrupted():
            for (place, _change), written in zip(
                batch, write([change for _place, change in batch]), strict=True
            ):
                if written.error:
                    self._fail(f"{place}: {written.error}")
                else:
                    kind = "created" if written.created else "changed" if written.changed else "unchanged"
                    self._report.profiles[kind] += 1

    def _fail(self, said: str) -> None:
        if len(self._report.failures) < MOST_FAILURES:
            self._report.failures.append(said)


def run(names: Sequence[str], options: Options, *, dry_run: bool) -> Report:
    """Import the files, in any order, or say what an import would do.

    Nothing is imported where the report has failures. Raises UnusableFile, Resource.DoesNotExist for a name
    in `options.resources`, and Stale where somebody edits the same row meanwhile.
    """
    report = Report()
    files = _Files(names, report)
    files.read()
    if report.failures:
        return report
    with transaction.atomic():
        configuring = Configuring(options, report)
        configuring.run([*files.resources.values()], [*files.destinations.values()])
        transaction.set_rollback(dry_run)
    if not dry_run:
        files.write_profiles()
    return report


def _change(record: Record) -> Change:
    """Raises InvalidDocument. `operation` is what Tracardi notes for itself while it works."""
    document: dict[str, Any] = {name: value for name, value in record.fields.items() if name != "operation"}
    return Change(record.id, "put", document)
