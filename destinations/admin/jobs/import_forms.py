"""What somebody who imports a file is asked: the file, and how it is read."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from profiles.imports import encodings
from profiles.imports.guess import DELIMITERS

TOLD = gettext_lazy("As the file tells")
SIXTEEN = gettext_lazy("UTF-16 (Excel, “Unicode text”)")
ENCODINGS = [
    (encodings.UTF8, gettext_lazy("UTF-8")),
    (encodings.WINDOWS, gettext_lazy("Windows-1252 (Excel, “CSV”)")),
    ("iso8859-15", gettext_lazy("ISO-8859-15")),
    ("cp1250", gettext_lazy("Windows-1250 (Central Europe)")),
    ("cp850", gettext_lazy("DOS (Excel, “CSV (MS-DOS)”)")),
    ("mac-roman", gettext_lazy("Mac Roman (Excel, “CSV (Macintosh)”)")),
]
SIGNS = [
    (";", gettext_lazy("Semicolon")),
    (",", gettext_lazy("Comma")),
    ("tab", gettext_lazy("Tab")),
    ("|", gettext_lazy("Vertical bar")),
]
MOST_SKIPPED = 1_000
MERGING = gettext_lazy(
    "Of tables only: a row changes the places that it fills and leaves the rest of the profile as it is."
    " Otherwise a row becomes the whole profile."
)


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"),
        max_length=1000,
        help_text=gettext_lazy("An Excel workbook (.xlsx), CSV, NDJSON, or JSON; .gz is unpacked."),
        error_messages={"empty": gettext_lazy("The file is empty.")},
    )
    format = forms.ChoiceField(
        label=gettext_lazy("Format"),
        required=False,
        choices=[
            ("", gettext_lazy("As its name and its beginning say")),
            ("ndjson", gettext_lazy("NDJSON: one document a line")),
            ("json", gettext_lazy("JSON: a list of documents")),
            ("csv", gettext_lazy("CSV: a table with a heading")),
        ],
        help_text=gettext_lazy("Only to be chosen where the file is taken for another kind."),
    )
    encoding = forms.ChoiceField(
        label=gettext_lazy("Encoding"),
        required=False,
        choices=[("", TOLD), *ENCODINGS, (encodings.UTF16, SIXTEEN)],
        help_text=gettext_lazy("Only to be chosen where umlauts look wrong in the next step."),
    )
    delimiter = forms.ChoiceField(
        label=gettext_lazy("Between two cells"),
        required=False,
        choices=[("", TOLD), *SIGNS],
        help_text=gettext_lazy("Of CSV only."),
    )
    sheet = forms.CharField(
        label=gettext_lazy("Sheet"),
        required=False,
        max_length=100,
        help_text=gettext_lazy(
            "Of a workbook: the name of the sheet, where it is not the first one with cells."
        ),
    )
    merge = forms.BooleanField(
        label=gettext_lazy("Merge rows into the profiles"), required=False, help_text=MERGING
    )

    def __init__(self, *args: Any, too_large: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        limit = filesizeformat(settings.TRACSYNC_MAX_UPLOAD_BYTES)
        file = self.fields["file"]
        file.help_text = _("%(help)s At most %(limit)s.") % {"help": file.help_text, "limit": limit}
        if too_large:
            required = _("The file has more than %(limit)s. Import it in parts, or with the command.")
            file.error_messages["required"] = required % {"limit": limit}


class ReadingForm(forms.Form):
    """How a table is read, once it is uploaded."""

    encoding = forms.ChoiceField(label=gettext_lazy("Encoding"), choices=ENCODINGS)
    delimiter = forms.ChoiceField(label=gettext_lazy("Between two cells"))
    skip = forms.IntegerField(
        label=gettext_lazy("Lines above the heading"), min_value=0, max_value=MOST_SKIPPED
    )
    merge = forms.BooleanField(
        label=gettext_lazy("Merge rows into the profiles"), required=False, help_text=MERGING
    )

    def __init__(self, options: dict[str, Any], data: Any = None) -> None:
        names = {sign: name for name, sign in DELIMITERS.items()}
        delimiter = names.get(options["delimiter"], options["delimiter"])
        initial = {"encoding": options.get("encoding", encodings.UTF8), "skip": options.get("skip", 0)}
        super().__init__(data, initial={**initial, "delimiter": delimiter, "merge": options["merge"]})
        if options.get("sheets"):  # there is but one way to read the cells of a workbook
            del self.fields["encoding"], self.fields["delimiter"]
            return
        if options.get("written_in") == encodings.UTF16:  # sure, and kept as UTF-8
            self.fields["encoding"].choices = [(encodings.UTF8, SIXTEEN)]  # type: ignore[attr-defined]
        is_usual = delimiter in DELIMITERS
        self.fields["delimiter"].choices = SIGNS if is_usual else [*SIGNS, (delimiter, delimiter)]  # type: ignore[attr-defined]
