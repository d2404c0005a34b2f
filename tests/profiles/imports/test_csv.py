"""Importing CSV: columns to places in the document."""

import io

import pytest
from django.core.management import CommandError, call_command

from profiles.imports import csv_rows
from profiles.imports.csv_reader import columns_from, parse_path, path_of
from profiles.models import Profile
from tests.cases import for_each


@pytest.fixture
def load(db, tmp_path):
    def run(text, *options, name="customers.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        stdout, stderr, code = io.StringIO(), io.StringIO(), 0
        try:
            call_command("import_profiles", str(path), *options, stdout=stdout, stderr=stderr)
        except SystemExit as ended:
            code = ended.code
        return code, stdout.getvalue().partition(" in ")[0], stderr.getvalue().splitlines()

    return run


def stored():
    return [profile.document for profile in Profile.objects.order_by("pk")]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("id", ("id",)),
        ("data.contact.email.main", ("data", "contact", "email", "main")),
        ('traits["support rep"]', ("traits", "support rep")),
        ('["a.b"]["c=d"].e', ("a.b", "c=d", "e")),
        (r'traits["say \"hi\" \u00e9"]', ("traits", 'say "hi" é')),
        (r"a\.b.c", ("a.b", "c")),
        ("first name.größe", ("first name", "größe")),
        ("scores.2024", ("scores", "2024")),
    ],
)
def test_paths(text, keys):
    assert parse_path(text) == keys
    assert parse_path(path_of(keys)) == keys


@for_each("text", ["", ".a", "a.", "a..b", "a[0]", 'a["b', 'a["b"]c', "a]b", r'a["\x"]', 'a"b'])
def test_what_is_no_path(text):
    with pytest.raises(ValueError, match="is not a path"):
        parse_path(text)


@pytest.mark.parametrize(
    ("maps", "types", "reason"),
    [
        (["a"], [], "a is not COLUMN=PATH"),
        (["=a"], [], "=a is not COLUMN=PATH"),
        (["a=b", "c=b"], [], "two columns go to b"),
        (["a=b", "c=b.d", "e=b.f"], [], "two columns go to b"),
        (["a=b"], ["c=number"], "column c has a type but no place"),
        (["a=b"], ["a=money"], "money is not a type: choose one of text, number, boolean, date, list"),
        (["a=b"], ["a=date:ymd"], "ymd is no form of date"),
        (["a=b"], ["a=list:ab"], "ab is no form of list"),
    ],
)
def test_columns_that_cannot_be(maps, types, reason):
    with pytest.raises(ValueError, match=reason):
        columns_from(maps, types)


MAPS = ["--map", "no=id", "--map", "mail=data.contact.email.main", "--map", 'rep=traits["support rep"]']


def test_rows_become_documents(load):
    text = "no,mail,rep,ignored\r\n1,ann@example.com,Jane,x\r\n\r\n2,,Steve,\r\n3, , ,\r\n"
    assert load(text, *MAPS) == (0, "created 3, changed 0, unchanged 0, failed 0", [])
    assert stored() == [
        {
            "id": "1",
            "data": {"contact": {"email": {"main": "ann@example.com"}}},
            "traits": {"support rep": "Jane"},
        },
        {"id": "2", "traits": {"support rep": "Steve"}},
        {"id": "3"},
    ]
    assert load(text, *MAPS)[1] == "created 0, changed 0, unchanged 3, failed 0"


def test_a_column_named_id(load):
    load("\ufeffid,name\na,Ann\n", "--map", "name=data.name")
    assert stored() == [{"id": "a", "data": {"name": "Ann"}}]


def test_rows_replace_or_merge(load):
    Profile.objects.create(document={"id": "a", "data": {"name": "Ann", "town": "Oslo"}})
    load("id,town\na,Rome\n", "--map", "town=data.town", "--merge")
    assert stored() == [{"id": "a", "data": {"name": "Ann", "town": "Rome"}}]
    load("id,town\na,Bonn\n", "--map", "town=data.town")
    assert stored() == [{"id": "a", "data": {"town": "Bonn"}}]


def test_types(load):
    text = "id,visits,vip\na,3,Yes\nb, 2.50 ,0\nc,,\nd,07,no\ne,1,maybe\nf,true,no\n"
    options = ["--map", "visits=stats.visits", "--map", "vip=vip"]
    code, summary, said = load(text, *options, "--type", "visits=number", "--type", "vip=boolean")
    assert (code, summary) == (1, "created 3, changed 0, unchanged 0, failed 3")
    assert said[:-1] == [
        "line 5: column visits: not a number",
        "line 6: column vip: not a boolean",
        "line 7: column visits: not a number",
    ]
    assert stored() == [
        {"id": "a", "stats": {"visits": 3}, "vip": True},
        {"id": "b", "stats": {"visits": 2.5}, "vip": False},
        {"id": "c"},
    ]


def test_cells_with_line_breaks_quotes_and_delimiters(load):
    text = 'id;note\na;"one\r\n""two""; three"\nb;x;y\nc;last;\n'
    _code, _, said = load(text, "--map", "note=note", "--delimiter", ";")
    assert said[:-1] == ["line 4: 3 cells, the heading has 2"]
    assert stored() == [{"id": "a", "note": 'one\r\n"two"; three'}, {"id": "c", "note": "last"}]


def test_cells_that_a_spreadsheet_is_told_not_to_compute(load):
    load('id,n,m\n"=""007""","=""1,5""",\'=2\n', "--map", "n=n", "--type", "n=number", "--map", "m=m")
    assert stored() == [{"id": "007", "n": 1.5, "m": "=2"}]


def test_tabs_and_another_name(load):
    load(
        "id\tnote\na\tb,c\n",
        "--map",
        "note=note",
        "--delimiter",
        "tab",
        "--format",
        "csv",
        name="customers.tsv",
    )
    assert stored() == [{"id": "a", "note": "b,c"}]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b",x", "the id is blank"),
        (b"b", "1 cells, the heading has 2"),
        (b'b,"x"y', "column note: there is text after the quote that ends it"),
        (b'b,"x', "column note: a quote begins and has no end in this line"),
        (b'"b,x', "column id: a quote begins and has no end in this line"),
        (b"b,#NV", "column note: a spreadsheet could not compute this cell"),
        (b"1.23457E+12,x", "the id was shortened by a spreadsheet: format its column as text"),
        (b"b,\0", "text with a null byte cannot be stored"),
        (b"b,x\ry", "a carriage return stands in a cell that is not in quotes"),
        (b"x" * 256 + b",x", "id has 256 characters, at most 255 are allowed"),
    ],
)
def test_bad_rows(load, row, reason):
    text = b"id,note\na,x\n" + row + b"\nc,x\n"
    assert load(text, "--map", "note=note")[2][:-1] == [f"line 3: {reason}"]
    assert [document["id"] for document in stored()] == ["a", "c"]
    code, _, said = load(text, "--map", "note=note", "--on-error", "stop")
    assert code == 1
    assert said[1] == "Stopped at line 3. Everything up to line 2 is imported, nothing after it."


def test_lines_that_are_not_of_their_encoding(load):
    text = b"id,note\na,x\nb\xff,x\nc,x\n"
    options = ["--map", "note=note"]
    assert load(text, *options, "--encoding", "utf-8")[2][:-1] == ["line 3: not UTF-8"]
    assert [document["id"] for document in stored()] == ["a", "c"]


def test_large_cells(load):
    load("id,note\na," + "x" * 200_000 + "\n", "--map", "note=note")
    assert [len(document["note"]) for document in stored()] == [200_000]


def test_overlong_rows(load, settings):
    settings.TRACSYNC_MAX_DOCUMENT_BYTES = 10
    long, tall = "b," + "x" * 100, 'c,"' + "x\n" * 60 + '"'
    options = ["--map", "id=id", "--map", "note=note"]
    _code, summary, said = load(f"id,note\na,\n{long}\n{tall}\nd,\n", *options)
    assert said[:2] == [
        "line 3: the line is too long",
        "line 4: column note: a quote begins and has no end in this line",
    ]
    assert summary == "created 2, changed 0, unchanged 0, failed 62"
    assert [document["id"] for document in stored()] == ["a", "d"]


def test_a_quote_that_never_ends_costs_its_line(load):
    _code, summary, said = load('id,note\na,x\nb,"x\nc,x\nd,x\n', "--map", "note=note")
    assert said[:-1] == ["line 3: column note: a quote begins and has no end in this line"]
    assert [document["id"] for document in stored()] == ["a", "c", "d"]
    assert summary == "created 3, changed 0, unchanged 0, failed 1"


@pytest.mark.parametrize(
    ("rows", "refused", "ids"),
    [
        ('1,"a,x\n2,b,x\n3,"c,x\n4,d,x\n', [2, 4], ["2", "4"]),  # two that meet
        ('1,"a,x\n2,b,x\n3,c",x\n4,d,x\n', [2], ["2", "3", "4"]),  # they meet, and look like one cell
        ('1,"a\nb\nc",x\n2,"y, ""z""",x\n', [], ["1", "2"]),  # cells with line breaks
        ('1,a",x\n2,5\'11",x\n', [], ["1", "2"]),  # within a cell a quote is a character
        ('1, "a, b" ,x\n2, "c, d",x\n', [2], ["2"]),
        ('1,"a,x\n2,"b\nc",x\n3,d,x\n', [2], ["2", "3"]),  # the row after it has line breaks
    ],
)
def test_a_stray_quote_costs_one_line(load, rows, refused, ids):
    load("id,n,m\n" + rows, "--map", "n=n")
    said = load("id,n,m\n" + rows, "--map", "n=n")[2]
    assert [int(line.split()[1].rstrip(":")) for line in said if line.startswith("line")] == refused
    assert [document["id"] for document in stored()] == ids


@pytest.mark.parametrize("last", ["", 'x"y","a"b\n'], ids=["no-end", "no-row"])
def test_many_stray_quotes_are_read_in_time(load, last):
    """Of lines that each go on to the next one, each is looked at a few times, however they end."""
    taken = []
    read = csv_rows.Rows.__next__

    def counted(self):
        taken.append(self)
        return read(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_rows.Rows, "__next__", counted)
        _code, summary, _said = load("id,n\n" + ('x","\n' * 999 + (last or 'x","\n')) * 5, "--map", "n=n")
    assert summary == "created 0, changed 0, unchanged 0, failed 5000"
    assert len(taken) < 30_000


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        ("", ["--map", "a=b"], "has no heading: it is empty"),
        ("name\nAnn\n", ["--map", "name=n"], "has no column named id in its heading: --map COLUMN=id says"),
        ("id,a,a\n", ["--map", "a=b"], "has several columns named a in its heading"),
        ("id,a\n", ["--map", "c=b"], "has no column named c in its heading"),
        ("note\nx\n", [], "has no column named id in its heading: --map COLUMN=id says"),
        ("id\n", ["--type", "name=date"], "there is no column name that goes anywhere; those that do: id"),
        ("id\n", ["--encoding", "klingon"], "klingon is no encoding: choose one of utf-8"),
        ("id\n", ["--refused", "x.csv", "--on-error", "stop"], "--refused is not for --on-error stop"),
        ("id\n", ["--map", "a"], "a is not COLUMN=PATH"),
        ("id\n", ["--map", "a=b", "--delimiter", "ab"], "one character, or tab"),
        ("id\n", ["--format", "ndjson", "--map", "a=b"], "--map is for CSV: add --format csv"),
    ],
)
def test_what_cannot_be_used(load, text, options, reason):
    with pytest.raises(CommandError) as refused:
        load(text, *options)
    assert reason in str(refused.value)
    assert "Ann" not in str(refused.value)
    assert getattr(refused.value, "returncode", 1) == (1 if {"--delimiter", "--encoding"} & {*options} else 2)
    assert not Profile.objects.exists()


@pytest.mark.parametrize(
    ("text", "said", "words"),
    [
        ("id;mail\n1;a@x.example\n", ",", "has no “,” in its heading: “;” seems to stand between two cells"),
        (
            "id\tmail\n1\ta@x.example\n",
            ";",
            "has no “;” in its heading: “tab” seems to stand between two cells",
        ),
        ("sep=;\nid;mail\n1;a\n", "tab", "has no “tab” in its heading: “;” seems to stand between two cells"),
    ],
)
def test_a_delimiter_that_is_not_in_the_heading(load, text, said, words):
    for options in ([], ["--map", "id=id"], ["--dry-run"]):
        with pytest.raises(CommandError) as refused:
            load(text, "--delimiter", said, *options)
        assert str(refused.value).endswith(words)
        assert refused.value.returncode == 2


def test_a_table_of_one_column_has_no_delimiter_anywhere(load):
    assert load("id\n1\n", "--delimiter", ";")[1] == "created 1, changed 0, unchanged 0, failed 0"
    assert load("id\n1\n2\n", "--delimiter", "tab")[1] == "created 1, changed 0, unchanged 1, failed 0"


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-16", "UTF-16"), ("utf-16-le", "UTF-16"), ("utf-8", "UTF-8"), ("cp1252", "Windows-1252")],
)
def test_the_encoding_that_it_is_written_in_is_said(load, encoding, name):
    text = "id;name\n" + "".join(f"{number};Müller, Jürgen\n" for number in range(30))
    said = load(text.encode(encoding), "--dry-run")[2]
    assert f"read as CSV in {name}, ; between two cells" in said
