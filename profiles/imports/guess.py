"""What a table probably means: how its cells are told apart, which column goes where, and as what."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from profiles.imports import kinds
from profiles.imports.kinds import NotOfItsKind

DELIMITERS = {",": ",", ";": ";", "tab": "\t", "|": "|"}
MOST_ROWS = 1_000  # that are looked at
MOST_TITLE_LINES = 20
MANY = 20  # cells, of which a few may be mistakes
LONGEST_KEY = 60
OURS = "tracsync: "  # begins the columns that say why a line was refused; they are no data
_DATEV = re.compile(r'\ufeff?"?(EXTF|DTVF)"?;')  # the first line is about the file, the second its heading
_SEP = re.compile(r'"?sep=(.|\\t|tab)"?', re.IGNORECASE)


class Layout(NamedTuple):
    """What is between two cells, and how many lines are above the heading."""

    delimiter: str
    skip: int


class Guess(NamedTuple):
    """Where a column goes, as a path, blank: nowhere; and the kind of its cells."""

    path: str
    kind: str = "text"


def layout(text: str, delimiter: str = "") -> Layout:
    """The layout of a file that begins with `text`: `sep=;`, or what makes rows of one width of its lines."""
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []
    said = _SEP.fullmatch(lines[0].lstrip("\ufeff ").rstrip(" ")) if lines else None
    if said:
        told = "\t" if len(said[1]) > 1 else said[1]
        return Layout(delimiter or told, 1)
    tried = [delimiter] if delimiter else list(DELIMITERS.values())
    widths = {one: _widths(lines[:MOST_ROWS], one) for one in tried}
    within = {one: sum(f"{one} " in line for line in lines[:MOST_ROWS]) for one in tried}
    best = max(tried, key=lambda one: (*_fit(widths[one]), -within[one]))
    of_datev = bool(lines) and _DATEV.match(lines[0]) is not None
    return Layout(best, 1 if of_datev else _title_lines(widths[best]))


def _widths(lines: Sequence[str], delimiter: str) -> list[int]:
    """How many cells the rows have, one figure for each line; 0 where a line is blank or goes on a row."""
    widths: list[int] = []
    try:
        whole = (line.replace("\r", " ") + "\n" for line in lines)
        reader = csv.reader(whole, delimiter=delimiter, skipinitialspace=True)
        for row in reader:
            while row and not row[-1].strip():
                row.pop()
            widths += [0] * (reader.line_num - len(widths) - 1)
            widths.append(len(row))
    except csv.Error:
        pass
    return widths


def _fit(widths: Sequence[int]) -> tuple[float, int]:
    """How many rows are of the width that is most frequent, and that width."""
    filled = [width for width in widths if width]
    several = Counter(width for width in filled if width > 1)
    if not several:
        return 0.0, 0
    width = filled[0] if filled[0] > 1 else max(several, key=lambda one: (several[one], one))
    near = sum(count for one, count in several.items() if 1 < one <= width)
    return round(near / len(filled), 1), width


def _title_lines(widths: Sequence[int]) -> int:
    """How many lines of one cell, or of none, are above the first row of several."""
    filled = [width for width in widths if width]
    if len(filled) < 2 or max(filled) < 2:
        return 0
    if filled[0] > 1:
        return 0
    for number, width in enumerate(widths[:MOST_TITLE_LINES]):
        if width > 1:
            return number
    return 0


def unique(names: Iterable[str]) -> list[str]:
    """The names of the columns: `Phone (1)` and `Phone (2)` of two that are called alike."""
    clean = [" ".join(name.replace("\ufeff", "").replace("\0", "").split()) for name in names]
    count, seen = Counter(clean), Counter[str]()
    named = []
    for name in clean:
        seen[name] += 1
        named.append(f"{name} ({seen[name]})" if name and count[name] > 1 else name)
    return named


_PLACES = {
    "id": (
        "id kundennummer kundennr kundenr kdnr kunden_id kundenid customer_id customerid customer_number "
        "customer_no customer profile_id profileid user_id userid contact_id contactid record_id "
        "record_id_contact mitgliedsnummer mitgliedsnr member_id subscriber_id euid leid externe_id "
        "external_id debitor debitorennummer debitorennr konto nr nummer lfd_nr no number uid uuid"
    ),
    "data.pii.firstname": "vorname first_name firstname fname given_name givenname rufname",
    "data.pii.lastname": "nachname last_name lastname lname surname family_name familienname zuname",
    "data.pii.display_name": "name full_name fullname vollständiger_name anzeigename display_name",
    "data.pii.birthday": (
        "geburtstag geburtsdatum geb_datum gebdatum birthday birthdate birth_date date_of_birth dob"
    ),
    "data.pii.gender": "geschlecht gender sex",
    "data.pii.language.native": "sprache language",
    "data.contact.email.main": (
        "e_mail email mail e_mail_adresse email_adresse emailadresse mailadresse email_address "
        "e_mail_address e_mail_1_value email_1"
    ),
    "data.contact.phone.main": (
        "telefon telefonnummer tel telefon_nr phone phone_number telephone festnetz phone_1_value"
    ),
    "data.contact.phone.mobile": (
        "mobil mobiltelefon mobilnummer handy handynummer mobile mobile_phone mobile_phone_number cell"
    ),
    "data.contact.address.street": (
        "straße strasse str street anschrift street_address straße_hausnummer straße_und_hausnummer "
        "strasse_hausnummer address1 address_1 address_line_1"
    ),
    "data.contact.address.postcode": (
        "plz postleitzahl zip zip_code zipcode postal_code postcode zip_postal_code"
    ),
    "data.contact.address.town": "ort stadt wohnort city town",
    "data.contact.address.country": "land country country_region staat",
    "data.job.company.name": "firma unternehmen company company_name firmenname organisation organization",
    "data.job.position": "position jobtitel job_title beruf",
}
_KNOWN = {name.replace("_", ""): path for path, names in _PLACES.items() for name in names.split()}
_IDS = {name.replace("_", ""): rank for rank, name in enumerate(_PLACES["id"].split())}
COMMON = tuple(_PLACES)
_LISTS = re.compile(
    r"(interessen|interests?|tags?|gruppen?|groups?|segmente?|segments?|kategorien?|categories|hobbys?|hobbies"
    r"|labels?|themen|topics|listen|lists|vorlieben|sprachen|languages|rollen|roles)"
)
_YES_OR_NO = re.compile(
    r"newsletter|opt_?in|opt_?out|einwilligung|consent|aktiv|active|abonnier|subscri|accepts|^is_|^has_|^ist_"
    r"|^hat_|vip|gesperrt|blocked|bounced"
)
_DATES = re.compile(r"geburt|birth|datum|(^|_)(date|dob|seit|since|am|at)(_|$)|zeitpunkt|time(stamp)?$")
_AMOUNTS = re.compile(
    r"umsatz|betrag|preis|summe|saldo|anzahl|menge|rabatt|punkte|wert|revenue|amount|price|total|spen[dt]|balance"
    r"|count|quantity|score|points|value|ltv"
)
_NO_NUMBER = re.compile(
    r"tel|fax|phone|mobil|handy|plz|zip|post|iban|bic|nummer|number|konto|_nr$|^nr$|_no$|_id$|^id|code|steuer|uid"
)


_DOTTED_DATE = re.compile(r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{2,4}")


def slug(name: str) -> str:
    """A heading as a key: `e_mail` of `E-Mail`."""
    return re.sub(r"[^\w]+", "_", name.strip().lower()).strip("_")[:LONGEST_KEY]


def columns(heading: Sequence[str], rows: Sequence[Sequence[str]], delimiter: str) -> list[Guess]:
    """One guess for each column; of several that go to one place the first one does."""
    slugs = [slug(name) for name in heading]
    cells = cells_of(len(heading), rows)
    comma = writes_comma(cells, delimiter)
    id_at = _id_column(slugs, cells)
    taken = _Taken()
    taken.add("id")
    guesses = []
    for at, name in enumerate(heading):
        path = "id"
        if at != id_at:
            free = (one for one in (_path(name, slugs[at]), _trait(slugs[at])) if one not in taken)
            path = "" if name.startswith(OURS) else next(free, "")
            taken.add(path)
        kind = "text" if path == "id" else kind_of(cells[at], slugs[at], comma)
        guesses.append(Guess(path, kind))
    return guesses


class _Taken:
    """Places that columns go to, and those around them, which no other column can fill."""

    def __init__(self) -> None:
        self.places: set[str] = set()
        self.around: set[str] = set()

    def add(self, path: str) -> None:
        self.places.add(path)
        self.around.update(_around(path))

    def __contains__(self, path: str) -> bool:
        return path in self.places or path in self.around or not self.places.isdisjoint(_around(path))


def _around(path: str) -> list[str]:
    """`a` and `a.b` of `a.b.c`."""
    return [path[:at] for at, sign in enumerate(path) if sign == "."]


def cells_of(width: int, rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Of each column the cells that are not blank."""
    said = [[kinds.said(row[at]) for row in rows if at < len(row)] for at in range(width)]
    return [[cell for cell in column if cell] for column in said]


def _id_column(slugs: Sequence[str], cells: Sequence[Sequence[str]]) -> int | None:
    """The column that is called like an id, and of several one that has no value twice."""
    plain = [slug.replace("_", "") for slug in slugs]
    named = sorted((_IDS[name], at) for at, name in enumerate(plain) if name in _IDS)
    unlike = [at for _, at in named if len(set(cells[at])) == len(cells[at])]
    if named:
        return (unlike or [at for _, at in named])[0]
    return None


def _path(name: str, key: str) -> str:
    if known := _KNOWN.get(key.replace("_", "")):
        return known
    if "." in name and re.fullmatch(r"\w+(?:\.[\w-]+)+", name):
        return name
    return _trait(key)


def _trait(key: str) -> str:
    return f"traits.{key}" if key else ""


def kind_of(cells: Sequence[str], key: str, comma: bool) -> str:
    """The kind that the cells are of, with the form that they are written in.

    All of them, or nearly all of many; where the name of the column says it, too, half of them will do.
    """
    if not cells:
        return "list:," if _LISTS.fullmatch(key) else "text"
    says = _YES_OR_NO.search(key) is not None
    if _are(cells, "boolean", says) and (says or not set(cells) <= {"0", "1", "x", "y", "n"}):
        return "boolean"
    if _LISTS.fullmatch(key):
        return f"list:{separator_of(cells)}"
    dates, says = resolved("date", cells, comma), _DATES.search(key) is not None
    if _are(cells, dates, says) and (says or not all(map(str.isdecimal, cells))):
        return dates
    numbers = resolved("number", cells, comma)
    is_amount = not _NO_NUMBER.search(key) and not any(map(_is_no_amount, cells))
    if is_amount and _are(cells, numbers, _AMOUNTS.search(key) is not None):
        return numbers
    return _list_of(cells) or "text"


def resolved(kind: str, cells: Sequence[str], comma: bool = False) -> str:
    """A kind with its form, as the cells tell it; `comma`: what else the file says."""
    if kind == "number":
        told = [sign for cell in cells if (sign := _decimal_sign(cell))]
        signs = Counter(told)
        is_comma = signs[","] > signs["."] if told else comma
        return "number:comma" if is_comma else "number:point"
    if kind == "date":
        firsts, seconds = _slashed(cells)
        day_first = comma or firsts > 12
        return "date:mdy" if seconds > 12 or not day_first else "date:dmy"
    return f"list:{separator_of(cells)}" if kind == "list" else kind


def _are(cells: Sequence[str], kind: str, says: bool) -> bool:
    enough = 0.5 if says else 0.95 if len(cells) >= MANY else 1
    return sum(_is(cell, kind) for cell in cells) >= enough * len(cells)


def _is(cell: str, kind: str) -> bool:
    try:
        kinds.reader(kind)(cell)
    except NotOfItsKind:
        return False
    return True


def _is_no_amount(cell: str) -> bool:
    """Long numbers, and those with a plus, are numbers of something."""
    return cell.startswith("+") or len(re.sub(r"[^0-9]", "", cell.partition(",")[0])) > 15


def _decimal_sign(cell: str) -> str:
    """`,` or `.`, where one cell alone tells it."""
    digits = re.sub(r"[^0-9.,]", "", cell)
    last = max(".,", key=digits.rfind)
    if last not in digits or kinds.is_like_a_thousand(digits):
        return ""
    return last if digits.count(last) == 1 else "," if last == "." else "."


def writes_comma(cells: Sequence[Sequence[str]], delimiter: str) -> bool:
    """Whether the file writes numbers with a decimal comma; where no cell tells, `;` between cells does."""
    every = [cell for column in cells for cell in column]
    signs = Counter(_decimal_sign(cell) for cell in every if _is(cell, "number:comma"))
    if signs[","] or signs["."]:
        return signs[","] > signs["."]
    return delimiter == ";" or any(map(_DOTTED_DATE.fullmatch, every))


def _slashed(cells: Iterable[str]) -> tuple[int, int]:
    """The largest first and second number of dates with slashes or dashes."""
    found = [re.match(r"([0-9]{1,2})[-/]([0-9]{1,2})[-/]", cell) for cell in cells]
    return (
        max((int(one[1]) for one in found if one), default=0),
        max((int(one[2]) for one in found if one), default=0),
    )


def separator_of(cells: Sequence[str]) -> str:
    """What most cells have within them."""
    counts = {sign: sum(sign in cell for cell in cells) for sign in (",", ";", "|", "\n", "/")}
    return max(counts, key=lambda sign: counts[sign])


def _list_of(cells: Sequence[str]) -> str:
    """A list, where many cells are short words of a small vocabulary, with a sign that texts seldom have."""
    for sign in ("|", ";"):
        with_it = [cell for cell in cells if sign in cell]
        words = [word.strip() for cell in with_it for word in cell.split(sign)]
        short = all(len(word) <= 40 for word in words)
        if with_it and short and len(with_it) * 5 >= len(cells) and len(set(words)) < len(words):
            return f"list:{sign}"
    return ""
