"""Messages that are written in English where no reader is known: none is forgotten without saying so."""

import pytest
from django.utils import translation

from destinations.notation import NotationError, parse_condition, parse_template
from destinations.recorded import translated

CASES = {
    "accepted": "angenommen",
    "profile@a.b is missing": "profile@a.b fehlt",
    "profile@a is missing and profile@b is missing": "profile@a fehlt und profile@b fehlt",
    'profile@a is "x and y", needs > 3': 'profile@a ist "x and y", verlangt ist > 3',
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
