"""What is guessed of a table: its layout, the places and kinds of its columns."""

from profiles.imports import guess
from profiles.imports.guess import Layout
from tests.cases import for_each


@for_each(
    ("text", "layout"),
    [
        ("id;name\n1;Ann\n", (";", 0)),
        ("id,name\n1,Ann\n", (",", 0)),
        ("id\tname\n1\tAnn, B\n", ("\t", 0)),
        ("id|name\n1|Ann\n", ("|", 0)),
        ("\ufeffsep=;\nid;name\n", (";", 1)),
        ('"sep=\t"\nid\tname\n', ("\t", 1)),
        ("SEP=,\nid,name;x\n", (",", 1)),
        ("id\n1\n", (",", 0)),
        ("", (",", 0)),
        ("Name, Vorname;Ort\nMüller, Jörg;Köln\nWeiß, Zoë;Bonn\n", (";", 0)),
        ('"a;b;c;d",n\n"1;2;3;4",5\n', (",", 0)),
        ('id,note\n1,"a\nb; c\nd; e"\n', (",", 0)),
        ("Kundenliste\nStand 27.11.2026\n\nid;name\n1;Ann\n", (";", 3)),
        ("Kunden\u2028liste\x0b\x85\nid;name\n1;Ann\n", (";", 1)),  # only a line feed ends a line
        ('"EXTF";700;16;"Debitoren"\nKonto;Name\n10000;Ann\n', (";", 1)),
    ],
)
def test_layouts(text, layout):
    assert guess.layout(text) == Layout(*layout)


def test_a_delimiter_that_is_said_counts():
    assert guess.layout("id;name,x\n1;Ann,y\n", ",") == Layout(",", 0)


GERMAN = (
    ["Kunden-Nr.", "Vorname", "Nachname", "E-Mail-Adresse", "PLZ", "Ort", "Telefon", "Umsatz", "Newsletter"],
    [["K-1", "Jörg", "Müller", "j@x.example", "01067", "Köln", "0221 1", "1.234", "ja"]] * 1
    + [["K-2", "Zoë", "Weiß", "z@x.example", "50667", "Bonn", "+49 30", "0,5", "nein"]],
)


def test_a_german_heading():
    assert guess.columns(*GERMAN, ";") == [
        ("id", "text"),
        ("data.pii.firstname", "text"),
        ("data.pii.lastname", "text"),
        ("data.contact.email.main", "text"),
        ("data.contact.address.postcode", "text"),
        ("data.contact.address.town", "text"),
        ("data.contact.phone.main", "text"),
        ("traits.umsatz", "number:comma"),
        ("traits.newsletter", "boolean"),
    ]


def places(*heading):
    return [one.path for one in guess.columns(heading, [], ",")]


def test_headings_of_other_systems():
    hubspot = places("Record ID - Contact", "First Name", "Last Name", "Email", "Phone Number", "Create Date")
    assert hubspot == [
        "id",
        "data.pii.firstname",
        "data.pii.lastname",
        "data.contact.email.main",
        "data.contact.phone.main",
        "traits.create_date",
    ]
    mailchimp = places("Email Address", "First Name", "Last Name", "MEMBER_RATING", "LEID", "EUID", "TAGS")
    assert mailchimp[0] == "data.contact.email.main"
    assert mailchimp[3:] == ["traits.member_rating", "traits.leid", "id", "traits.tags"]


def test_no_two_columns_go_to_one_place_and_what_has_no_name_or_is_ours_goes_nowhere():
    assert places("id", "Record ID", "E-Mail", "Mail", "", "tracsync: line", "a.b", "-") == [
        "id",
        "traits.record_id",
        "data.contact.email.main",
        "traits.mail",
        "",
        "",
        "a.b",
        "",
    ]


def test_no_column_goes_into_what_another_one_fills():
    assert places("id.x", "id", "a.b", "a.b.c", "a", "a.b.d") == [
        *("traits.id_x", "id", "a.b"),
        *("traits.a_b_c", "traits.a", "traits.a_b_d"),
    ]


def test_of_two_ids_the_one_whose_values_differ_is_it():
    guessed = guess.columns(["id", "Kundennummer"], [["1", "a"], ["1", "b"]], ",")
    assert [one.path for one in guessed] == ["traits.id", "id"]


@for_each(
    ("name", "cells", "kind"),
    [
        ("Umsatz", ["5", "12"], "number:comma"),
        ("Umsatz", ["1.50", "2.25"], "number:point"),
        ("Code", ["007", "12"], "text"),
        ("Code", ["12", "x"], "text"),
        ("Betrag", ["12", "x", "1,5"], "number:comma"),
        ("Code", [*map(str, range(1, 40)), "x"], "text"),
        ("Zahl", [*map(str, range(1, 40)), "x"], "number:comma"),
        ("IBAN", ["12345678901234567890"], "text"),
        ("Konto-Nr", ["12", "13"], "text"),
        ("vip", ["1", "0"], "boolean"),
        ("Anzahl", ["1", "0"], "number:comma"),
        ("x", ["ja", "nein"], "boolean"),
        ("seit", ["10.05.1990"], "date:dmy"),
        ("seit", ["5/13/1990"], "date:mdy"),
        ("seit", ["5/6/1990"], "date:dmy"),
        ("seit", ["20200101"], "date:dmy"),
        ("nummern", ["20200101"], "text"),
        ("stand", ["20200101"], "number:comma"),
        ("seit", ["2020-01-01T10:00:00Z", "2020-01-02"], "date:dmy"),
        ("Tags", ["a, b"], "list:,"),
        ("Tags", ["a; b", "c"], "list:;"),
        ("Tags", [], "list:,"),
        ("Farben", ["rot|blau", "rot|gelb"], "list:|"),
        ("Notiz", ["Hallo; wie geht's", "gut"], "text"),
        ("leer", [], "text"),
    ],
)
def test_kinds(name, cells, kind):
    [_, guessed] = guess.columns(["id", name], [[str(at), cell] for at, cell in enumerate(cells)], ";")
    assert guessed.kind == kind


def test_the_file_tells_how_its_numbers_are_written():
    rows = [["1", "1,234", "0.5"], ["2", "2,345", "0.25"]]
    assert [one.kind for one in guess.columns(["id", "a", "b"], rows, ";")][1] == "number:point"
    rows = [["1", "1,234", "10.05.1990"]]
    assert [one.kind for one in guess.columns(["id", "a", "b"], rows, ",")][1] == "number:comma"


def test_names_are_told_apart():
    assert guess.unique([" Phone ", "a\u00a0 b", "Phone", "", ""]) == [
        "Phone (1)",
        "a b",
        "Phone (2)",
        "",
        "",
    ]
