"""What somebody who imports a file is asked: the file, and where the columns of a table go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from profiles.imports import csv_reader, uploads
from profiles.imports.csv_reader import KINDS
from profiles.imports.models import ImportJob
from tracsync.common.messages import message

MOST_COLUMNS = 400  # two fields each; Django takes a thousand
ROWS_SHOWN = 3
CELL_SHOWN = 60  # characters
KIND_LABELS = {
    "text": gettext_lazy("text"),
    "number": gettext_lazy("number"),
    "boolean": gettext_lazy("true or false"),
}


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"),
        max_length=1000,
        help_text=gettext_lazy("NDJSON, a JSON array, or CSV, in UTF-8; .gz is unpacked."),
        error_messages={"empty": gettext_lazy("The file is empty.")},
    )
    format = forms.ChoiceField(
        label=gettext_lazy("Format"),
        required=False,
        choices=[
            ("", gettext_lazy("As its name and its beginning say")),
            ("ndjson", gettext_lazy("NDJSON: one document a line")),
            ("json", gettext_lazy("JSON: an array of documents")),
            ("csv", gettext_lazy("CSV: a table with a heading")),
        ],
        help_text=gettext_lazy("Only to be chosen where the file is taken for another kind."),
    )
    delimiter = forms.ChoiceField(
        label=gettext_lazy("Between two cells"),
        required=False,
        choices=[
            ("", gettext_lazy("What the heading has most of")),
            (",", gettext_lazy("Comma")),
            (";", gettext_lazy("Semicolon")),
            ("tab", gettext_lazy("Tab")),
            ("|", gettext_lazy("Vertical bar")),
        ],
        help_text=gettext_lazy("Of CSV only."),
    )
    merge = forms.BooleanField(
        label=gettext_lazy("Merge rows into the profiles"),
        required=False,
        help_text=gettext_lazy(
            "Of CSV only: a row changes the places that it fills and leaves the rest of the profile as it is."
            " Otherwise a row becomes the whole profile."
        ),
    )

    def __init__(self, *args: Any, too_large: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        limit = filesizeformat(settings.TRACSYNC_MAX_UPLOAD_BYTES)
        file = self.fields["file"]
        file.help_text = _("%(help)s At most %(limit)s.") % {"help": file.help_text, "limit": limit}
        if too_large:
            required = _("The file has more than %(limit)s. Import it in parts, or with the command.")
            file.error_messages["required"] = required % {"limit": limit}


@dataclass(slots=True)
class ColumnChoice:
    """A column of the file, a few of its cells, and where they are to go; a blank path leaves it out."""

    number: int
    name: str
    cells: list[str]
    path: str = ""
    kind: str = "text"
    error: str = ""


def column_choices(job: ImportJob) -> list[ColumnChoice]:
    """All columns, each as it is chosen already or as its name suggests. Raises UnusableFile."""
    heading, rows = csv_reader.beginning(uploads.source(job), job.options["delimiter"], ROWS_SHOWN)
    if len(heading) > MOST_COLUMNS:
        too_many = message("has %(number)s columns; at most %(most)s can be chosen here")
        raise uploads.UnusableFile(too_many.with_values(number=len(heading), most=MOST_COLUMNS))
    chosen = {name: (path, kind) for name, path, kind in job.options["columns"] or ()}
    return [
        ColumnChoice(number, name, _cells(rows, number), *chosen.get(name, (_suggested(name), "text")))
        for number, name in enumerate(heading)
    ]


def _cells(rows: list[list[str]], number: int) -> list[str]:
    cells = (row[number] for row in rows if number < len(row))
    readable = (cell.encode(errors="replace").decode() for cell in cells if cell.strip())
    return [cell if len(cell) <= CELL_SHOWN else f"{cell[:CELL_SHOWN]}…" for cell in readable]


def _suggested(name: str) -> str:
    """An id is one, and a name with dots that is a path says where it goes."""
    if name.lower() == "id":
        return "id"
    try:
        return name if "." in name and csv_reader.parse_path(name) else ""
    except ValueError:
        return ""


def fill(choices: list[ColumnChoice], posted: Any) -> bool:
    """Take over what was posted; whether every path is one."""
    for choice in choices:
        choice.path = posted.get(f"path-{choice.number}", "").strip()
        kind = posted.get(f"kind-{choice.number}", "text")
        choice.kind = kind if kind in KINDS else "text"
        choice.error = _path_error(choice.path)
    return not any(choice.error for choice in choices)


def _path_error(path: str) -> str:
    if "\0" in path or len(path) > 1000:
        return _("This is not a path.")
    try:
        csv_reader.parse_path(path) if path else ()
    except ValueError:
        return _('This is not a path: write keys joined by dots, or ["any key"].')
    return ""


def chosen(choices: list[ColumnChoice]) -> Iterator[list[str]]:
    """As the options of an import have them."""
    for choice in choices:
        if choice.path:
            yield [choice.name, choice.path, choice.kind]
