"""Importing CSV: columns to places in the document."""

import io

import pytest
from django.core.management import CommandError, call_command

from profiles.imports.csv_reader import columns_from, parse_path
from profiles.models import Profile


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


@pytest.mark.parametrize(
    "text", ["", ".a", "a.", "a..b", "a[0]", 'a["b', 'a["b"]c', "a]b", r'a["\x"]', 'a"b']
)
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
        (["a=b"], ["a=date"], "date is not a type: choose one of text, number, boolean"),
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
    options = ["--map", "visits=stats.visits", "--map", "vip=vip", "--on-error", "skip"]
    code, summary, said = load(text, *options, "--type", "visits=number", "--type", "vip=boolean")
    assert (code, summary) == (1, "created 3, changed 0, unchanged 0, failed 3")
    assert said == [
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
    text = 'id;note\na;"one\r\n""two""; three"\nb;x;y\nc;last\n'
    _code, _, said = load(text, "--map", "note=note", "--delimiter", ";", "--on-error", "skip")
    assert said == ["line 4: 3 cells, the heading has 2"]
    assert stored() == [{"id": "a", "note": 'one\r\n"two"; three'}, {"id": "c", "note": "last"}]


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
        (b"b\xff,x", "not UTF-8"),
        (b",x", "the id is blank"),
        (b"b", "1 cells, the heading has 2"),
        (b'b,"x"y', "not CSV: ',' expected after '\"'"),
        (b"b,\0", "text with a null byte cannot be stored"),
        (b"x" * 256 + b",x", "id has 256 characters, at most 255 are allowed"),
    ],
)
def test_bad_rows(load, row, reason):
    text = b"id,note\na,x\n" + row + b"\nc,x\n"
    assert load(text, "--map", "note=note", "--on-error", "skip")[2] == [f"line 3: {reason}"]
    assert [document["id"] for document in stored()] == ["a", "c"]
    code, _, said = load(text, "--map", "note=note")
    assert code == 1
    assert said[1] == "Stopped at line 3. Everything up to line 2 is imported, nothing after it."


def test_overlong_rows(load, settings):
    settings.TRACSYNC_MAX_DOCUMENT_BYTES = 10
    long, tall = "b," + "x" * 100, 'c,"' + "x\n" * 60 + '"'
    _code, _summary, said = load(f"id\na\n{long}\n{tall}\nd\n", "--map", "id=id", "--on-error", "skip")
    assert said[0] == "line 3: the line is too long"
    assert said[1] == "line 4: the line is too long"
    assert [document["id"] for document in stored()][:1] == ["a"]


def test_a_quote_that_never_ends(load):
    _code, _, said = load('id,note\na,x\nb,"x\nc,x\n', "--map", "note=note", "--on-error", "skip")
    assert said == ["line 3: not CSV: unexpected end of data"]
    assert [document["id"] for document in stored()] == ["a"]


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        ("", ["--map", "a=b"], "has no heading: it is empty"),
        ("name\nAnn\n", ["--map", "name=n"], "has no column named id in its heading: --map COLUMN=id says"),
        ("id,a,a\n", ["--map", "a=b"], "has several columns named a in its heading"),
        ("id,a\n", ["--map", "c=b"], "has no column named c in its heading"),
        ("id\n", [], "CSV needs --map COLUMN=PATH"),
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
    assert getattr(refused.value, "returncode", 1) == (1 if "--delimiter" in options else 2)
    assert not Profile.objects.exists()
