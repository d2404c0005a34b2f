"""The German catalogue is complete, compiled, and says the same with the same placeholders."""

import gettext
import io
import re

import pytest

from destinations.connectors import registry
from tests.translations import catalogue

AGAIN = "run: .venv/bin/python tests/translations/catalogue.py"
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}|%[sd]")
TAG = re.compile(r"</?\w+")


def key(message):
    return message.context, message.id


@pytest.fixture(scope="module")
def stored():
    return catalogue.stored()


def texts(value):
    return list(value) if isinstance(value, list | tuple) else [value]


def test_every_string_of_the_code_has_a_translation(stored):
    known = {key(one): one for one in stored if one.id}
    missing = [one.id for one in catalogue.wanted() if one.id and key(one) not in known]
    assert missing == [], AGAIN
    blank = [one.id for one in known.values() if not all(texts(one.string))]
    assert blank == [], "translate these in django.po, then " + AGAIN


def test_nothing_is_kept_that_the_code_no_longer_says(stored):
    wanted = {key(one) for one in catalogue.wanted() if one.id}
    assert [one.id for one in stored if one.id and key(one) not in wanted] == [], AGAIN


def test_the_compiled_catalogue_is_that_of_the_text(stored):
    now = gettext.GNUTranslations(io.BytesIO(catalogue.compiled(stored)))
    there = gettext.GNUTranslations(io.BytesIO(catalogue.MO.read_bytes()))
    without = {"": ""}
    assert there._catalog | without == now._catalog | without, AGAIN


def test_nothing_is_marked_as_doubtful(stored):
    assert [one.id for one in stored if one.fuzzy] == []


def test_placeholders_and_tags_are_the_same(stored):
    for one in stored:
        english = texts(one.id)[-1]
        for german in texts(one.string) if one.id else []:
            if "%(count)s" not in PLACEHOLDER.findall(german):  # one of something needs no number
                allowed = {"%(count)s", "%(number)s"} if isinstance(one.id, tuple) else set()
                assert set(PLACEHOLDER.findall(english)) - allowed <= set(PLACEHOLDER.findall(german)), one.id
            assert set(PLACEHOLDER.findall(german)) <= set(PLACEHOLDER.findall(english)), one.id
            assert set(TAG.findall(english)) >= set(TAG.findall(german)), one.id


def test_german_speaks_to_people_as_grown_ups(stored):
    """And keeps to one word for one thing."""
    wrong = re.compile(
        r"\b([Dd]u|[Dd]ein(?:e[mnrs]?)?|Destination\w*|Prerequisit\w*|Mapping\w*|Backfill\w*|Replay\w*)\b"
    )
    found = [text for one in stored if one.id for text in texts(one.string) if wrong.search(text)]
    assert found == []


def test_the_words_of_every_connector_are_translated(stored):
    def words(schema):
        yield from (schema[name] for name in ("title", "description") if isinstance(schema.get(name), str))
        for field in schema.get("properties", {}).values():
            yield from words(field)

    known = {one.id for one in stored}
    ours = [one for one in registry.all_connectors() if type(one).__module__.startswith("destinations.")]
    assert ours
    for connector in ours:
        asked = {
            *words(connector.credentials_schema),
            *words(connector.settings_schema),
            connector.description,
        }
        assert asked <= known, connector.slug
