"""Messages that are written in English where no reader is known: none is forgotten without saying so."""

import ast
import re
from pathlib import Path

import pytest
from django.utils import translation

from destinations.connectors import registry
from destinations.notation import NotationError, parse_condition, parse_template
from destinations.recorded import MESSAGES, translated

ROOT = Path(__file__).resolve().parents[2]
WRITERS = (
    *(ROOT / "destinations" / "connectors").glob("*.py"),
    *(ROOT / "destinations" / "notation").rglob("*.py"),
    *(ROOT / "destinations" / "sync" / name for name in ("decide.py", "record.py", "push.py", "health.py")),
    ROOT / "destinations" / "encryption.py",
    *(ROOT / "profiles" / name for name in ("documents.py", "csv_rows.py", "content.py", "importing.py")),
)
# Code that writes code, and what is only for tests.
LEFT_OUT = {"testing.py", "compiled.py", "compiled_template.py", "writer.py", "printer.py"}

# Pieces of messages, and texts that nobody reads as a message; everything else has to be in the tables.
PIECES = {
    # put together from pieces, and in the tables as a whole
    "{} {}",
    "{} {}: {}",
    "{} {}: {}{}",
    "{} ({})",
    "{} to {}",
    "{} or more arguments",
    "{} argument{}",
    "{}() of these {}",
    "this argument {}",
    "answered {}{}",
    "answered {}{}{}",
    "answered {}: {}",
    ": it refused the credentials",
    "{} refused the credentials: it answered {} to HEAD",
    "the proxy",
    "the service",
    "{} leads to {}, which is",
    "{} an internal address and was not contacted; if it is meant, add it to {}",
    ", which holds {} contacts",
    "connected to Mautic {}",
    "{}, in {} ms",
    "{}{}, in {} ms",
    "exchange {} {}",
    "exchange {}, routing key {}",
    "{}, queue {} {}",
    "{}:{}, vhost {}",
    "would be created",
    "must be {}",
    "must be ",
    "must be one of {}",
    "must be one of ",
    "the value",
    "line {}, ",
    "not JSON: {} at {}column {}",
    ", {} is {}",
    "{} is {}, needs {}{}",
    "{} is {}",
    "$lookup found {}",
    "nothing in the table",
    "{} in the table",
    "not met",
    "not met: ",
    "a formula",
    "a condition",
    "{} needs the text of {}",
    "a {} is a text",
    "the {} is longer than {} characters",
    "the {} is blank",
    "the {} ends too early",
    "the invisible character U+{}",
    "the invisible character ",
    "is {}, not the text of {}",
    "is too long for {}",
    "a date",
    "incomplete date",
    "unknown zone",
    "a number is no date",
    "text{}",
    "{} is",
    ": {}",
    "unroutable, no queue is bound: {}",
    "this user is not allowed to publish: {}",
    "could not connect: the host name cannot be resolved",
    "did you mean {}@?",
    "did you mean {}()?",
    # of the columns of a CSV file: put together, and those that only commands say
    "column {}: not a {}",
    "several columns",
    "no column",
    ": --map COLUMN=id says which one holds the id",
    "has {} named {} in its heading{}",
    "column {} has a type but no place: add --map {}=PATH",
    "{} is not COLUMN={}",
    "{} is not a type: choose one of {}",
    '{} is not a path: write keys joined by dots, or ["any key"]',
    # in the place of a host's name
    "the same host",
    "an unreadable address",
    # what stays English, as it is shown in English only: of a program's own mistakes, in logs, in commands
    "its slug is {}, its entry point's name is {}",
    "it lacks {}",
    "{} is no name for a function: lower case, digits, _ and dots",
    "there is a function {} already",
    "{} is no Function of the name {}",
    "TRACSYNC_ENCRYPTION_KEYS must be Fernet keys (32 url-safe base64-encoded bytes), comma-separated",
    "{} given, {} left out",
    "{}; missing: {}",
    "(cannot be shown)",
    # keywords, names of arguments, values of our own, formats on the wire
    "IS NOT",
    ", ...",
    '=;, \t"',
    "STARTS WITH",
    "ENDS WITH",
    "its value",
    "whole number",
    "number or text",
    "not reached",
    "left out",
    "item@qty > 0",
    "profile@stats.visits > 3",
    "HTTP {}",
    "Basic {}",
    "Bearer {}",
    "\\bmax of (\\d+) entities",
}


def messages_of(path):
    """The texts with a blank in a module, {} for what is put in; without docstrings, logs and schemas."""
    tree = ast.parse(path.read_text())
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            skipped.update(node.values)
        elif isinstance(node, ast.Call | ast.AnnAssign) and _is_no_message(node):
            skipped.update(ast.walk(node))
    for node in ast.walk(tree):
        text = _text(node) if node not in skipped else None
        if text and " " in text.strip():
            yield text


def _is_no_message(node):
    if isinstance(node, ast.Call):
        return "logger" in ast.unparse(node.func)
    name = ast.unparse(node.target)
    return name in ("icon", "name", "description") or "_schema" in name


def _text(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def normal(message):
    return re.sub(r"%\(\w+\)s", "{}", message)


KNOWN = {normal(message) for message in MESSAGES}


@pytest.mark.parametrize(
    "path", [path for path in WRITERS if path.name not in LEFT_OUT], ids=lambda path: path.stem
)
def test_whatever_is_recorded_can_be_read_in_german(path):
    forgotten = []
    for text in messages_of(path):
        stripped = text.removesuffix("\n").strip()
        candidates = {
            text,
            stripped,
            f"{{}} {stripped}",
            re.sub(r"\{\}text\{\}|\{\}\(\.\.\.\)", "{}", stripped),
        }
        candidates |= {re.sub(r"profile@\{\}|\{\}@\{\}", "{}", one) for one in candidates}
        candidates |= {f"{one} ({{}})" for one in candidates}
        if not candidates & (KNOWN | PIECES) and not text.startswith(("$", "^", "[")):
            forgotten.append(text)
    assert forgotten == [], "add them to the tables of recorded messages, or say here why not"


def test_hints_of_schemas_are_known():
    def hints(schema):
        if schema.get("hint"):
            yield schema["hint"]
        for field in schema.get("properties", {}).values():
            yield from hints(field)

    for connector in registry.all_connectors():
        for schema in (connector.credentials_schema, connector.settings_schema, connector.payload_schema):
            assert {f"{{}} {hint}" for hint in hints(schema)} <= KNOWN


CASES = {
    "accepted": "angenommen",
    "profile@a.b is missing": "profile@a.b fehlt",
    "profile@a is missing and profile@b is missing": "profile@a fehlt und profile@b fehlt",
    'profile@a is "x and y", needs > 3': 'profile@a ist "x and y", verlangt ist > 3',
    "given up after 180 attempts: answered 503: away": (
        "nach 180 Versuchen aufgegeben: antwortete mit 503: away"
    ),
    "answered 401: it refused the credentials": "antwortete mit 401: Die Zugangsdaten wurden abgelehnt",
    "email is required; age must be a number": "email ist erforderlich; age muss eine Zahl sein",
    "created; Mautic has no such field: x, y": "angelegt; Mautic kennt dieses Feld nicht: x, y",
    "not met: profile@a is missing": "nicht erfüllt: profile@a fehlt",
    "not met: profile@a is missing and profile@b is 1, needs > 2": (
        "nicht erfüllt: profile@a fehlt und profile@b ist 1, verlangt ist > 2"
    ),
    "what another system said": "what another system said",
    "": "",
}


@pytest.mark.parametrize(("english", "german"), CASES.items())
def test_it_is_translated_where_it_is_ours(english, german):
    with translation.override("de"):
        assert translated(english) == german
    assert translated(english) == english


def test_a_condition_is_not_touched_however_it_reads():
    """What a summary without values says is the condition itself, and that may hold any words."""
    text = 'profile@name == "salt and profile@a is missing"'
    with translation.override("de"):
        assert translated(text) == text or '"salt and profile@a' in translated(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("profile@a = ", ["Die Bedingung endet zu früh", "Zeile 1, Spalte", "Hier möglich:"]),
        ("profile@a == 1 OR profile@b == 2 AND profile@c == 3", ["gemischt", "Hinweis: Setzen Sie Klammern"]),
        ("visits > 3", ["visits ist weder Feld noch Wert noch Schlüsselwort", "Hinweis:"]),
        ("len(profile@a) > 3", ["Es gibt keine Funktion"]),
    ],
)
def test_a_mistake_in_a_condition_is_explained_line_by_line(text, words):
    with pytest.raises(NotationError) as caught:
        parse_condition(text)
    with translation.override("de"):
        german = translated(str(caught.value))
    assert all(word in german for word in words), german
    assert len(german.splitlines()) == len(str(caught.value).splitlines())


def test_a_mistake_in_a_mapping_keeps_its_place():
    with pytest.raises(NotationError) as caught:
        parse_template({"a": {"$formula": "unknown(profile@a)"}})
    with translation.override("de"):
        assert translated(str(caught.value)).startswith('$.a["$formula"]: Es gibt keine Funktion unknown')


def test_long_texts_of_others_cost_little():
    import time

    began = time.monotonic()
    with translation.override("de"):
        translated("answered " + "x is y, needs; and " * 500)
        translated('"' * 2000 + " and " * 500)
    assert time.monotonic() - began < 1
