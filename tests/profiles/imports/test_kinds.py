"""What cells say: numbers and dates of several countries, yes and no, lists."""

import pytest

from profiles.imports import kinds
from profiles.imports.kinds import NotOfItsKind
from tests.cases import for_each


def read(cell, kind):
    try:
        return kinds.reader(kind)(cell)
    except NotOfItsKind:
        return None


@for_each(
    ("cell", "number"),
    [
        ("2.120,61", 2120.61),
        ("2,120.61", 2120.61),
        ("1.234.567", 1234567),
        ("1,234,567.5", 1234567.5),
        ("0,5", 0.5),
        (" 2.50 ", 2.5),
        (",5", 0.5),
        ("-12", -12),
        ("\u221212", -12),
        ("12,50-", -12.5),
        ("(12.50)", -12.5),
        ("1 234,5 €", 1234.5),
        ("1\u202f234,5\u00a0€", 1234.5),
        ("€ 12,50", 12.5),
        ("-$1,234.50", -1234.5),
        ("1'234.50", 1234.5),
        ("CHF 1\u2019234.50", 1234.5),
        ("3,5 %", 3.5),
        ("1,5E+05", 150000.0),
        ("0", 0),
        ("0,125", 0.125),
        ("1234,567", 1234.567),
        *(
            (bad, None)
            for bad in ("07", "1.2.3", "1,5,0", "12.34.567", "€", "1,", "--5", "(5", "5)", "1e999")
        ),
        *((bad, None) for bad in ("zwölf", "1.234.56", "10.05.1990", "NaN", "inf", "٣", "9" * 400, "#NV")),
    ],
)
def test_numbers_that_can_be_read_in_one_way(cell, number):
    assert read(cell, "number:comma") == number
    assert read(cell, "number:point") == number


@pytest.mark.parametrize(
    ("cell", "comma", "point"), [("1.234", 1234, 1.234), ("1,234", 1.234, 1234), ("-12,500 €", -12.5, -12500)]
)
def test_numbers_that_can_be_read_in_two_ways(cell, comma, point):
    assert (read(cell, "number:comma"), read(cell, "number:point")) == (comma, point)


@for_each(
    ("cell", "date"),
    [
        ("10.05.1990", "1990-05-10"),
        ("1.1.1985", "1985-01-01"),
        ("31.12.99", "1999-12-31"),
        ("01.02.24", "2024-02-01"),
        ("1990-05-10", "1990-05-10"),
        ("1990/5/1", "1990-05-01"),
        ("19900510", "1990-05-10"),
        ("33003", "1990-05-10"),  # what Excel counts
        ("10. Mai 1990", "1990-05-10"),
        ("3. März 2025", "2025-03-03"),
        ("Mo., 3. Mrz 2025", "2025-03-03"),
        ("May 10, 1990", "1990-05-10"),
        ("10-May-90", "1990-05-10"),
        ("10.05.1990 14:30", "1990-05-10T14:30:00"),
        ("1990-05-10 14:30:15.120+01", "1990-05-10T14:30:15.12+01:00"),
        ("2020-05-10T14:30:00Z", "2020-05-10T14:30:00Z"),
        ("2020-05-10 14:30:00 +0200", "2020-05-10T14:30:00+02:00"),
        ("2020-05-10 2:30 PM", "2020-05-10T14:30:00"),
        ("Fri, 27 Nov 2026 10:00:00 GMT", "2026-11-27T10:00:00Z"),
        *(
            (bad, None)
            for bad in ("31.02.1990", "10.05.", "24:00", "heute", "13.13.2020", "2020-05-10 25:00")
        ),
        *((bad, None) for bad in ("10. Brumaire 1990", "1/2/3/4", "x" * 1000, "2020-05-10 14:30 +99:00")),
    ],
)
def test_dates(cell, date):
    assert read(cell, "date:dmy") == date
    assert read(cell, "date:mdy") == date


def test_dates_that_can_be_read_in_two_ways():
    assert (read("5/10/1990", "date:dmy"), read("5/10/1990", "date:mdy")) == ("1990-10-05", "1990-05-10")
    assert (read("31/12/1999", "date:dmy"), read("31/12/1999", "date:mdy")) == ("1999-12-31", None)


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        ("ja Ja JA yes Y 1 true WAHR x on", True),
        ("nein Nein no N 0 false FALSCH off", False),
        ("vielleicht 2 -", None),
    ],
)
def test_yes_and_no(cells, value):
    assert {read(cell, "boolean") for cell in cells.split()} == {value}


@pytest.mark.parametrize(
    ("cell", "kind", "items"),
    [
        ("Garten, Rad ,", "list:,", ["Garten", "Rad"]),
        ("a|b", "list:|", ["a", "b"]),
        ("a, b; c", "list:;", ["a, b", "c"]),
        ("one\ntwo", "list:\n", ["one", "two"]),
        ('"Tag A","Tag B, C"', "list:,", ["Tag A", "Tag B, C"]),  # Mailchimp
        ('["a", 1]', "list:,", ["a", 1]),
        ("[not json]", "list:,", ["[not json]"]),
    ],
)
def test_lists(cell, kind, items):
    assert read(cell, kind) == items


def test_a_text_is_as_it_is_without_blanks_around_it():
    assert read(" O'Brien ", "text") == "O'Brien"


@pytest.mark.parametrize("cell", ["=1+1", "@sum", "+cmd|x", "-2+3+cmd", " =x"])
def test_what_a_spreadsheet_would_compute_is_made_harmless_and_comes_back(cell):
    assert kinds.harmless(cell) == f"'{cell}"
    assert read(kinds.harmless(cell), "text") == cell.strip()


@pytest.mark.parametrize("cell", ["-12,50", "+49 (30) 123-45", "Ann", ""])
def test_numbers_are_no_formulas(cell):
    assert kinds.harmless(cell) == cell
