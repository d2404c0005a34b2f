"""Where the columns of a table go: guessed, shown with what becomes of the first cells, and chosen."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from destinations.insight import path_suggestions
from profiles.imports import csv_reader, guess, kinds, refused, uploads
from profiles.imports import job as import_jobs
from profiles.imports import options as import_options
from profiles.imports.files import UnusableFile
from profiles.imports.guess import Guess
from profiles.imports.kinds import NotOfItsKind
from profiles.imports.models import ImportJob
from tracsync.common.messages import message
from tracsync.common.numbers import grouped

MOST_COLUMNS = 300  # three fields each; Django takes a thousand
MOST_PLACES = 40  # of the profiles' fields that are offered
CELLS_SHOWN = 3
CELL_SHOWN = 60  # characters
OTHER = "other"
KIND_LABELS = {
    "text": gettext_lazy("text"),
    "number:comma": gettext_lazy("number, 1.234,56"),
    "number:point": gettext_lazy("number, 1,234.56"),
    "boolean": gettext_lazy("yes or no"),
    "date:dmy": gettext_lazy("date, 31.12.2026"),
    "date:mdy": gettext_lazy("date, 12/31/2026"),
    "list:,": gettext_lazy("list: a, b"),
    "list:;": gettext_lazy("list: a; b"),
    "list:|": gettext_lazy("list: a | b"),
    "list:/": gettext_lazy("list: a / b"),
    "list:\n": gettext_lazy("list: a line each"),
}
COMMON = {
    "data.pii.firstname": gettext_lazy("First name"),
    "data.pii.lastname": gettext_lazy("Last name"),
    "data.pii.display_name": gettext_lazy("Name"),
    "data.pii.birthday": gettext_lazy("Birthday"),
    "data.pii.gender": gettext_lazy("Gender"),
    "data.pii.language.native": gettext_lazy("Language"),
    "data.contact.email.main": gettext_lazy("E-mail address"),
    "data.contact.phone.main": gettext_lazy("Phone"),
    "data.contact.phone.mobile": gettext_lazy("Mobile phone"),
    "data.contact.address.street": gettext_lazy("Street"),
    "data.contact.address.postcode": gettext_lazy("Postal code"),
    "data.contact.address.town": gettext_lazy("Town"),
    "data.contact.address.country": gettext_lazy("Country"),
    "data.job.company.name": gettext_lazy("Company"),
    "data.job.position": gettext_lazy("Position"),
}


class Option(NamedTuple):
    value: str
    label: str


class Places(NamedTuple):
    """Fields of one sort, to choose from."""

    label: str
    options: list[Option]


@dataclass(slots=True)
class ColumnChoice:
    """A column of the file, a few of its cells, and where they are to go; a blank path leaves it out."""

    number: int
    name: str
    cells: list[str]
    path: str
    kind: str
    suggested: str = ""
    is_free: bool = False  # the path is none of those that are offered
    error: str = ""
    kinds: list[Option] = field(default_factory=list)

    @property
    def shown(self) -> list[str]:
        readable = (cell.encode(errors="replace").decode() for cell in self.cells)
        return [cell if len(cell) <= CELL_SHOWN else f"{cell[:CELL_SHOWN]}…" for cell in readable]

    @property
    def suggested_label(self) -> str:
        return _label(self.suggested)

    @property
    def becomes(self) -> str:
        return self.readings.get(self.kind, "")

    @property
    def readings(self) -> dict[str, str]:
        """What each kind makes of the first cells."""
        return {kind: ", ".join(_read(cell, kind) for cell in self.cells) for kind, _ in self.kinds}

    @property
    def readings_json(self) -> str:
        return json.dumps(self.readings)


@dataclass(slots=True)
class Table:
    """The columns that somebody chooses of; `id_number` is the one that holds the id, None: not chosen."""

    columns: list[ColumnChoice]
    places: list[Places]
    id_number: int | None
    is_remembered: bool
    id_warning: str = ""
    unnamed: str = ""  # what a spreadsheet calls the columns that have cells and no name

    def chosen(self) -> Iterator[list[str]]:
        """As the options of an import have them."""
        for column in self.columns:
            if column.number == self.id_number:
                yield [column.name, "id", "text"]
            if column.path and column.path != "id":
                yield [column.name, column.path, column.kind]

    def fill(self, posted: Mapping[str, Any]) -> bool:
        """Take over what was posted; whether it can be used."""
        number = posted.get("id", "")
        self.id_number = int(number) if number.isascii() and number.isdigit() else None
        for column in self.columns:
            _fill(column, posted)
        if self.id_number is None:  # said by a path, as before there was a field for it
            self.id_number = next((one.number for one in self.columns if one.path == "id"), None)
        _mark_free(self.columns, self.places)
        return not any(column.error for column in self.columns)


def table(job: ImportJob, may_see_profiles: bool) -> Table:
    """All columns, as they are chosen already, as they went last time, or as their names suggest.

    Raises UnusableFile.
    """
    source = uploads.source(job)
    heading, rows = import_options.beginning(source, job.options)
    if len(heading) > MOST_COLUMNS:
        too_many = message("has %(number)s columns; at most %(most)s can be chosen here")
        raise UnusableFile(too_many.with_values(number=len(heading), most=MOST_COLUMNS))
    guesses = guess.columns(heading, rows, job.options["delimiter"])
    before = [] if job.options["columns"] else import_jobs.remembered(heading)
    known = job.options["columns"] or before
    cells = guess.cells_of(len(heading), rows)
    columns = [
        _choice(number, name, cells[number], guesses[number], known)
        for number, name in enumerate(heading)
        if name and not name.startswith(guess.OURS)
    ]
    id_number = _id_number(heading, guesses, known)
    places = _places(may_see_profiles)
    _mark_free(columns, places)
    warning = "" if id_number is None else _id_warning(cells[id_number], rows)
    unnamed = [refused.letters(at) for at, name in enumerate(heading) if cells[at] and not name]
    return Table(columns, places, id_number, bool(before), warning, ", ".join(unnamed))


def _choice(
    number: int, name: str, cells: list[str], guessed: Guess, known: Sequence[list[str]]
) -> ColumnChoice:
    path, kind = guessed
    if known:
        chosen = [(path, kind) for one, path, kind in known if one == name and path != "id"]
        path, kind = chosen[0] if chosen else ("", guessed.kind)
    path = "" if path == "id" else path
    suggested = guessed.path if guessed.path not in ("", "id") else ""
    options = [Option(value, str(label)) for value, label in KIND_LABELS.items()]
    if kind not in KIND_LABELS:
        options.append(Option(kind, kind))
    return ColumnChoice(number, name, cells[:CELLS_SHOWN], path, kind, suggested, kinds=options)


def _id_number(heading: Sequence[str], guesses: Sequence[Guess], known: Sequence[list[str]]) -> int | None:
    names = [name for name, path, _ in known if path == "id"]
    if known:
        return heading.index(names[0]) if names and names[0] in heading else None
    return next((number for number, one in enumerate(guesses) if one.path == "id"), None)


def _id_warning(cells: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """What speaks against the column that is taken for the id."""
    blank, twice = len(rows) - len(cells), len(cells) - len(set(cells))
    said = []
    if blank > 0:
        text = ngettext("%(count)s row has no id.", "%(count)s rows have no id.", blank)
        said.append(text % {"count": grouped(blank)})
    if twice:
        text = ngettext(
            "%(count)s row has the id of another one: the last of them counts.",
            "%(count)s rows have the id of another one: the last of them counts.",
            twice,
        )
        said.append(text % {"count": grouped(twice)})
    if not said:
        return ""
    return " ".join([_("Of the first %(count)s rows:") % {"count": grouped(len(rows))}, *said])


def _places(may_see_profiles: bool) -> list[Places]:
    common = [Option(path, _label(path)) for path in COMMON]
    places = [Places(_("Usual fields"), common)]
    if may_see_profiles and (seen := list(_seen())):
        places.append(Places(_("Fields of the profiles"), [Option(path, path) for path in seen]))
    return places


def _label(path: str) -> str:
    return f"{COMMON[path]} ({path})" if path in COMMON else path


def _seen() -> Iterator[str]:
    """Paths of single values that profiles have."""
    sample = path_suggestions.sample()
    above = {one.keys[:length] for one in sample.paths for length in range(1, len(one.keys))}
    known = sorted(sample.paths, key=lambda one: (-one.seen, one.path))
    kept = [one for one in known if one.keys not in above and not any(map(str.isdigit, one.keys))]
    for one in kept[:MOST_PLACES]:
        path = csv_reader.path_of(one.keys)
        if path != "id" and path not in COMMON:
            yield path


def _fill(column: ColumnChoice, posted: Mapping[str, Any]) -> None:
    number = column.number
    typed = posted.get(f"path-{number}", "").strip()
    place = posted.get(f"place-{number}", OTHER)
    column.path = typed if place == OTHER else place.strip()
    kind = posted.get(f"kind-{number}", column.kind)
    try:
        column.kind = kinds.known(kind)
    except ValueError:
        column.kind = "text"
    column.error = _path_error(column.path)


def _path_error(path: str) -> str:
    if "\0" in path or len(path) > 1000:
        return _("This is not a path.")
    try:
        csv_reader.parse_path(path) if path else ()
    except ValueError:
        return _('This is not a path: write keys joined by dots, or ["any key"].')
    return ""


def _mark_free(columns: Sequence[ColumnChoice], places: Sequence[Places]) -> None:
    offered = {option.value for group in places for option in group.options}
    for column in columns:
        column.is_free = bool(column.path) and column.path not in offered and column.path != column.suggested


def _read(cell: str, kind: str) -> str:
    """What is stored of a cell, as JSON; a cross where it is not of this kind."""
    try:
        value = kinds.reader(kind)(cell)
    except NotOfItsKind:
        return "✗"
    text = json.dumps(value, ensure_ascii=False)
    readable = text.encode(errors="replace").decode()
    return readable if len(readable) <= CELL_SHOWN else f"{readable[:CELL_SHOWN]}…"
