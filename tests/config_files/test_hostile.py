"""Files that want to hurt, or are simply broken: told in one sentence, with the line, in no time."""

import json
import time

import pytest

from destinations.config_files import documents, yaml_reader
from destinations.config_files.places import InvalidConfiguration
from destinations.config_files.yaml_reader import YAMLError

LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (LAUGHS, 1, "anchors"),
        ("x: 1\ny: *x", 2, "aliases"),
        ("a: 1\nb: !!python/object/apply:os.system [id]", 2, "tags"),
        ("!!map {a: 1}", 1, "tags"),
        ("a: !secret x", 1, "tags"),
        ("a: 1\n---\nb: 2", 2, "second document"),
        ("a: 1\nb: 2\na: 3", 3, "twice"),
        ("? [a, b]\n: 1", 1, "key must be a text"),
        ("? {a: b}\n: 1", 1, "key must be a text"),
        ("a: 1\n b: 2", 2, "no YAML"),
        ("a: [1, 2", 1, "no YAML"),
        ("a: 'x", 1, "no YAML"),
        ("a: 1e999", 1, "too large"),
        ("a: \x07", 1, "no YAML"),
        ("[" * 5_000, 1, "levels"),
        ("\n".join(f"{' ' * n}a{n}:" for n in range(100)), 61, "levels"),
    ],
)
def test_yaml(text, line, said):
    begun = time.process_time()
    with pytest.raises(YAMLError, match=said) as refusal:
        yaml_reader.read(text)
    assert refusal.value.line >= line
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing", None),
        ("a: no", {"a": "no"}),
        ("no: 1", {"no": 1}),
        ("1: x", {"1": "x"}),
        ("a: 2026-01-01", {"a": "2026-01-01"}),
        ("a: 12:30", {"a": "12:30"}),
        ("a: 010", {"a": 10}),
        ("a: 0x10", {"a": "0x10"}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: 1e3", {"a": 1000.0}),
        ("a: .5", {"a": 0.5}),
        ("a: .inf", {"a": ".inf"}),
        ("a: '1'", {"a": "1"}),
        ("<<: {a: 1}", {"<<": {"a": 1}}),
        ("a:\n- ~\n- ''", {"a": [None, ""]}),
    ],
)
def test_plain_words(text, value):
    assert yaml_reader.read(text)[0] == value


def load(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidConfiguration) as refusal:
        documents.load([str(path)])
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in refusal.value.problems]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "a.yaml",
            b"",
            "a.yaml, line 1: it must be an object with the keys tracsync, resources, destinations",
        ),
        ("a.yaml", b"- 1", "a.yaml, line 1: it must be an object"),
        ("a.yaml", b"resources: {}", "a.yaml, line 1, tracsync: write tracsync: 1"),
        ("a.yaml", b"tracsync: 2\nresources: {}", "a.yaml, line 1, tracsync: write tracsync: 1"),
        ("a.yaml", b"tracsync: true\nresources: {}", "a.yaml, line 1, tracsync: write tracsync: 1"),
        ("a.yaml", b"tracsync: 1", "the configuration: there is nothing in it"),
        (
            "a.yaml",
            b"tracsync: 1\nresource: {}",
            "a.yaml, line 2, resource: there is no such key: is resources",
        ),
        (
            "a.yaml",
            b"tracsync: 1\nresources: [a]",
            "a.yaml, line 2, resources: it must be an object of slugs",
        ),
        ("a.yaml", b"tracsync: 1\nresources:\n  a: 1", "a.yaml, line 3, resources.a: it must be an object"),
        ("a.yaml", b'tracsync: 1\nresources:\n  a: {b: "\\0"}', "a.yaml, line 3, resources.a: "),
        ("a.yaml", b"\xff", "a.yaml: it is not written in UTF-8: byte 1"),
        (
            "a.json",
            b'{"tracsync": 1, "tracsync": 1}',
            "a.json: two equal keys, the second at line 1, column 17",
        ),
        ("a.json", b'{"tracsync": NaN}', "a.json: NaN is not a JSON value"),
        ("a.json", b"{", "a.json: not JSON"),
        ("a.json", b"[" * 100_000, "a.json: "),
        ("a.json", b'{"tracsync": 1,\n "resources": 1}', "a.json, line 2, resources: it must be an object"),
        ("a.json", b'{"a":' * 80 + b"1" + b"}" * 80, "a.json, line 1: it has more than 60 levels"),
    ],
)
def test_files(tmp_path, name, content, said):
    assert load(tmp_path, name, content)[0].startswith(said)


def test_all_files_together_are_bounded(tmp_path):
    (problem,) = load(tmp_path, "a.yaml", b"a" * 4_000_001)
    assert "more than 4 MB" in problem


def test_a_large_file_is_read_in_a_moment(tmp_path):
    lines = "".join(f"  slug-{n}:\n    name: name {n}\n    mapping: {{a: b, c: [d]}}\n" for n in range(3_000))
    path = tmp_path / "a.yaml"
    path.write_text(f"tracsync: 1\ndestinations:\n{lines}")
    assert len(documents.load([str(path)]).entries) == 3_000


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])  # which is YAML, too
def test_a_file_may_be_larger_than_a_profile(tmp_path, settings, name):
    settings.TRACSYNC_MAX_DOCUMENT_BYTES = 500_000
    fields = {f"slug-{n}": {"description": "x" * 400_000} for n in range(3)}
    (tmp_path / name).write_text(json.dumps({"tracsync": 1, "destinations": fields}))
    assert len(documents.load([str(tmp_path)]).entries) == 3


def test_each_mistake_of_a_large_file_has_its_line_in_a_moment(tmp_path):
    lines = ",\n".join(f'"slug-{n}": {{"a": [{n}]}}' for n in range(3_000))
    path = tmp_path / "a.json"
    path.write_text(f'{{"tracsync": 1, "destinations": {{\n{lines}\n}}}}')
    begun = time.process_time()
    entries = documents.load([str(path)]).entries
    told = [entry.problem("is so", "a", 0, "b").line for entry in entries]
    assert told == list(range(2, 3_002))
    assert time.process_time() - begun < 2


def test_one_slug_in_two_files(tmp_path):
    for name in ("a.yaml", "b.yml"):
        (tmp_path / name).write_text("tracsync: 1\nresources:\n  x: {name: X}\n")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "c.yaml").write_text("no configuration")
    (tmp_path / "notes.txt").write_text("no configuration")
    with pytest.raises(InvalidConfiguration) as refusal:
        documents.load([str(tmp_path)])
    (problem,) = refusal.value.problems
    assert str(problem) == (
        f"{tmp_path}/b.yml, line 3, resources.x: it stands in {tmp_path}/a.yaml, line 3, too"
    )


@pytest.mark.parametrize("name", ["missing.yaml", "empty"])
def test_nothing_to_read(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidConfiguration, match=name):
        documents.load([str(tmp_path / name)])


@pytest.mark.django_db
@pytest.mark.parametrize("slug", ["a\0b", "ä", "A", "12", "a" * 101, "../x", "a b", "-a", "a--b"])
def test_slugs_that_are_none(slug):
    from destinations.config_files.documents import Document, gathered
    from destinations.config_files.importing import plan
    from tests.config_files.conftest import options

    value = {"tracsync": 1, "resources": {slug: {"name": "x"}}}
    with pytest.raises(InvalidConfiguration):
        plan(gathered([Document("", value)]), options())
