"""The command import_profiles: what is written, what is said, and how it ends."""

import gzip
import io
import json
import os
import signal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from profiles import changes
from profiles.imports import files, records
from profiles.models import Profile

pytestmark = pytest.mark.django_db
CHINOOK = {
    name: Path(__file__).parents[2] / "fixtures" / "chinook" / f"chinook_{name}.jsonl"
    for name in ("profiles", "changes", "profiles_final")
}


@pytest.fixture
def load(tmp_path):
    """Import lines or a file; the exit code, what was printed, and what was complained of."""

    def run(content, *options, name="profiles.ndjson"):
        path = content if isinstance(content, Path) else tmp_path / name
        if not isinstance(content, Path):
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        stdout, stderr, code = io.StringIO(), io.StringIO(), 0
        try:
            call_command("import_profiles", str(path), *options, stdout=stdout, stderr=stderr)
        except SystemExit as ended:
            code = ended.code
        return code, stdout.getvalue().strip().partition(" in ")[0], stderr.getvalue().splitlines()

    return run


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def stored():
    return {profile.pk: profile.document for profile in Profile.objects.all()}


def test_documents_and_merges(load):
    text = lines(
        {"id": "a", "t": {"x": 1}}, {"id": "a", "at": "2026", "set": {"t": {"y": None}}}, {"id": "b"}
    )
    assert load(text) == (0, "created 2, changed 1, unchanged 0, failed 0", [])
    assert stored() == {"a": {"id": "a", "t": {"x": 1, "y": None}}, "b": {"id": "b"}}


def test_it_is_safe_to_run_again(load):
    text = lines({"id": "a", "n": 1}, {"id": "a", "set": {"n": 1.0}}, {"name": "without id"})
    assert load(text) == (0, "created 2, changed 0, unchanged 1, failed 0", [])
    before = list(Profile.objects.values())
    assert load(text) == (0, "created 0, changed 0, unchanged 3, failed 0", [])
    assert list(Profile.objects.values()) == before


def test_a_document_without_id_gets_the_same_one_in_any_key_order(load):
    load(lines({"n": 1, "m": 2}, {"m": 2.0, "n": 1}, {"n": 2}))
    assert sorted(document["n"] for document in stored().values()) == [1, 2]


def test_marks_are_set(load):
    load(lines({"id": "a"}))
    profile = Profile.objects.get()
    assert profile.first_changed_at == profile.changed_at
    assert profile.version == 1


def test_line_ends_blank_lines_and_byte_order_mark(load):
    text = b'\xef\xbb\xbf{"id": "a"}\r\n\r\n  \n\t{"id": "b"} \n{"id": "c"}'
    assert load(text)[:2] == (0, "created 3, changed 0, unchanged 0, failed 0")


def test_an_empty_file(load):
    assert load("") == (0, "created 0, changed 0, unchanged 0, failed 0", [])


BAD = [
    (b"{", "not JSON: Expecting property name enclosed in double quotes at column 2"),
    (b'{"id": "a", "n": NaN}', "NaN is not a JSON value"),
    (b'{"id": "a", "n": 1e999}', "a number is too large"),
    (b'{"id": "a", "n": "\\u0000"}', "text with a null byte cannot be stored"),
    (b'{"id": "a", "n": "\\ud800"}', "text with half a surrogate pair cannot be stored"),
    (b'{"id": "a", "n": "\xff"}', "not UTF-8: byte 19 cannot be read"),
    (b'{"id": ""}', "id must not be empty"),
    (b'{"id": 7}', "id must be text, not a number"),
    (b'["a"]', "a profile must be a JSON object, not a list"),
    (b'{"set": {}}', "set needs an id beside it"),
    (b'{"id": "a", "set": {"id": "b"}}', "the id in the document is not the id it is stored under"),
    (b'{"id": "a", "n": ' + b"[" * 70 + b"]" * 70 + b"}", "nested deeper than 64 levels"),
    (b"[" * 100_000, "nested too deeply"),
]


@pytest.mark.parametrize(("line", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_stop_at_a_bad_line(load, line, reason):
    text = b'{"id": "one"}\n\n' + line + b'\n{"id": "two"}\n'
    code, summary, said = load(text, "--on-error", "stop")
    assert (code, summary) == (1, "created 1, changed 0, unchanged 0, failed 1")
    assert said == [
        f"line 3: {reason}",
        "Stopped at line 3. Everything up to line 2 is imported, nothing after it.",
    ]
    assert set(stored()) == {"one"}


@pytest.mark.parametrize(("line", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_a_bad_line_costs_one_line(load, line, reason):
    text = b'{"id": "one"}\n\n' + line + b'\n{"id": "two"}\n'
    code, summary, said = load(text)
    assert (code, summary) == (1, "created 2, changed 0, unchanged 0, failed 1")
    assert said == [
        f"line 3: {reason}",
        "1 line was refused: 3. With --refused FILE that file has what is to be mended and imported.",
    ]
    assert set(stored()) == {"one", "two"}


def test_errors_are_told_in_the_order_of_the_lines(load):
    text = '{"id": "a", "set": {"id": "b"}}\n{\n{"id": "a", "set": {"id": "b"}}\n'
    said = load(text)[2]
    assert [line.partition(":")[0] for line in said[:-1]] == ["line 1", "line 2", "line 3"]


@pytest.mark.parametrize("word", ["continue", "skip"])
def test_going_on_has_a_word_and_an_earlier_one(load, word):
    assert load('{\n{"id": "a"}\n', "--on-error", word)[:2] == load('{\n{"id": "b"}\n')[:2]


def test_many_refused_lines_are_summed_up(load):
    said = load("{\n" * 1_200 + '{"id": "a"}\n')[2]
    lines = ", ".join(str(number) for number in range(1, 21))
    assert said[-2:] == [
        "1,200 lines (the first are 1, 2, 3, 4, 5): not JSON: Expecting property name enclosed in double"
        " quotes at column 2",
        f"1,200 lines were refused: {lines}, …. With --refused FILE that file has what is to be mended and"
        " imported.",
    ]
    assert len(said) == 22


def test_the_first_line_is_bad(load):
    assert load("{\n", "--on-error", "stop")[2][1] == "Stopped at line 1. Nothing is imported."


def test_nothing_personal_is_repeated(load):
    text = (
        b'{"id": "zoe@example.com", "n": Zoe}\n{"id": "zoe@example.com", "n": "Zoe\xff"}\n"zoe@example.com"\n'
    )
    said = load(text)[2]
    assert len(said) == 4
    assert "zoe" not in " ".join(said).lower()


def test_batches_before_the_bad_line_stay(load, monkeypatch):
    monkeypatch.setattr(changes, "BATCH_SIZE", 2)
    text = lines(*({"id": f"p{n}"} for n in range(5))) + "{\n" + lines({"id": "after"})
    _code, summary, said = load(text, "--on-error", "stop")
    assert summary == "created 5, changed 0, unchanged 0, failed 1"
    assert said[1] == "Stopped at line 6. Everything up to line 5 is imported, nothing after it."
    assert set(stored()) == {f"p{n}" for n in range(5)}


def test_an_overlong_line_is_never_held(load, settings, monkeypatch):
    settings.TRACSYNC_MAX_DOCUMENT_BYTES = 100
    longest = []
    read = files.Source._read

    def watch(self, limit):
        line = read(self, limit)
        longest.append(len(line))
        return line

    monkeypatch.setattr(files, "CHUNK_SIZE", 64)
    monkeypatch.setattr(files.Source, "_read", watch)
    text = lines({"id": "a"}, {"id": "b", "n": "x" * 10_000}, {"id": "c"}, {"id": "d", "n": "x" * 200})
    _code, summary, said = load(text)
    assert summary == "created 2, changed 0, unchanged 0, failed 2"
    assert said[:-1] == [
        "line 2: the line is too long",
        "line 4: the document has 217 bytes, at most 100 are allowed",
    ]
    assert max(longest) <= 801


def test_large_documents_make_small_batches(load, monkeypatch):
    monkeypatch.setattr(records, "BATCH_BYTES", 100)
    sizes = []
    write = changes.write

    def watch(batch, **options):
        sizes.append(len(batch))
        return write(batch, **options)

    monkeypatch.setattr(changes, "write", watch)
    load(lines(*({"id": f"p{n}", "n": "x" * 60} for n in range(5))))
    assert sizes == [2, 2, 1]


def test_standard_input(load, monkeypatch):
    text = io.TextIOWrapper(io.BytesIO(b'{"id": "a"}\n'))
    monkeypatch.setattr("sys.stdin", text)
    stdout = io.StringIO()
    call_command("import_profiles", "-", stdout=stdout)
    assert stdout.getvalue().startswith("created 1, changed 0, unchanged 0, failed 0 in ")


def test_a_compressed_file(load):
    packed = gzip.compress(b'{"id": "a"}\n{"id": "b"}\n')
    assert load(packed, name="profiles.ndjson.gz")[1] == "created 2, changed 0, unchanged 0, failed 0"
    with pytest.raises(CommandError, match="cannot be read any further") as refused:
        load(packed[:-12], name="profiles.ndjson.gz")
    assert refused.value.returncode == 2


@pytest.mark.parametrize("name", ["absent.ndjson", "."])
def test_a_file_that_cannot_be_read(tmp_path, name):
    with pytest.raises(CommandError, match="cannot be opened") as refused:
        call_command("import_profiles", str(tmp_path / name))
    assert refused.value.returncode == 2


def test_the_disk_fails_on_the_way(load, monkeypatch):
    monkeypatch.setattr(changes, "BATCH_SIZE", 2)
    read, count = files.Source._read, iter(range(10))

    def fail(self, limit):
        if next(count) == 3:
            raise files.UnusableFile("cannot be read any further: Input/output error")
        return read(self, limit)

    monkeypatch.setattr(files.Source, "_read", fail)
    code, summary, said = load(lines(*({"id": f"p{n}"} for n in range(5))))
    assert (code, summary) == (2, "created 2, changed 0, unchanged 0, failed 0")
    assert said == [
        "The file cannot be read any further: Input/output error."
        " Everything up to line 2 is imported, nothing after it."
    ]


def test_ctrl_c_during_a_batch_waits_for_its_end(load, monkeypatch):
    monkeypatch.setattr(changes, "BATCH_SIZE", 2)
    write = changes.write

    def interrupt(batch, **options):
        os.kill(os.getpid(), signal.SIGINT)
        return write(batch, **options)

    monkeypatch.setattr(changes, "write", interrupt)
    handler = signal.getsignal(signal.SIGINT)
    code, summary, said = load(lines(*({"id": f"p{n}"} for n in range(5))))
    assert (code, summary) == (1, "created 2, changed 0, unchanged 0, failed 0")
    assert said == ["Interrupted. Everything up to line 2 is imported, nothing after it."]
    assert set(stored()) == {"p0", "p1"}
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (OperationalError("disk full\nDETAIL: ann@example.com"), "disk full"),
        (changes.transaction.DatabaseError("ann@example.com"), "DatabaseError"),
    ],
)
def test_the_database_fails(load, monkeypatch, error, shown):
    def fail(batch, **options):
        raise error

    monkeypatch.setattr(changes, "write", fail)
    code, _summary, said = load(lines({"id": "a"}))
    assert (code, said) == (1, [f"The database failed ({shown}). Nothing is imported."])


def test_chinook(load):
    final = {
        document["id"]: document
        for document in map(json.loads, CHINOOK["profiles_final"].read_text().splitlines())
    }
    assert load(CHINOOK["profiles"])[:2] == (0, "created 59, changed 0, unchanged 0, failed 0")
    assert load(CHINOOK["profiles"])[:2] == (0, "created 0, changed 0, unchanged 59, failed 0")
    assert load(CHINOOK["changes"])[:2] == (0, "created 0, changed 412, unchanged 0, failed 0")
    assert stored() == final
    assert load(CHINOOK["profiles_final"])[:2] == (0, "created 0, changed 0, unchanged 59, failed 0")
    # From the beginning again: the first file takes the changes back, the second one makes them again.
    assert load(CHINOOK["profiles"])[:2] == (0, "created 0, changed 59, unchanged 0, failed 0")
    load(CHINOOK["changes"])
    assert stored() == final
