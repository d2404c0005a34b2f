"""Messages that are written in English where no reader is known: none is forgotten without saying so."""

import pytest
from django.utils import translation

from destinations.notation import NotationError, parse_condition, parse_template
from destinations.recorded import translated


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
