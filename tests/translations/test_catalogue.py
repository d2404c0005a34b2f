"""The German catalogue is complete, compiled, and says the same with the same placeholders."""

import gettext
import io
import re
from itertools import chain

import pytest
from django.apps import apps
from django.utils import translation

from destinations.connectors import registry
from tests.translations import catalogue
from tracsync.admin.navigation import SECTIONS

AGAIN = "run: .venv/bin/python tests/translations/catalogue.py"
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}|%[sd]")
OURS = ("tracsync.", "destinations.", "profiles.")
TAG = re.compile(r"</?\w+")


def key(message):
    return message.context, message.id


@pytest.fixture(scope="module")
def stored():
    return catalogue.stored()


@pytest.fixture(scope="module")
def wanted():
    return list(catalogue.wanted())


def texts(value):
    return list(value) if isinstance(value, list | tuple) else [value]


@pytest.mark.parametrize("language", ["en", "de"])
def test_no_two_things_have_one_name(language):
    """What is two words in one language is not one in the other: models, and the pages of the navigation."""
    ours = [one for one in apps.get_models() if one.__module__.startswith(OURS)]
    with translation.override(language):
        names = [[str(one._meta.verbose_name), str(one._meta.verbose_name_plural)] for one in ours]
        pages = [{str(one.label) for one in (section, *section.pages)} for section in SECTIONS]
        lists = [
            [one for one, _plural in names],
            [plural for _one, plural in names],
            [*chain(*pages), translation.gettext("Preferences")],
        ]
    assert [[one for one in names if names.count(one) > 1] for names in lists] == [[], [], []]


def test_gettext_has_no_other_name_in_the_code():
    """Strings are found by the name that they are called with: those of another one stay English."""
    imported = re.compile(r"from django\.utils\.translation import .*gettext\w* as (\w+)")
    files = chain(*((catalogue.ROOT / room).rglob("*.py") for room in catalogue.ROOMS))
    names = {name for path in files for name in imported.findall(path.read_text())}
    assert names <= set(catalogue.KEYWORDS)


def test_every_string_of_the_code_has_a_translation(stored, wanted):
    known = {key(one): one for one in stored if one.id}
    missing = [one.id for one in wanted if one.id and key(one) not in known]
    assert missing == [], AGAIN
    blank = [one.id for one in known.values() if not all(texts(one.string))]
    assert blank == [], "translate these in django.po, then " + AGAIN


def test_nothing_is_kept_that_the_code_no_longer_says(stored, wanted):
    said = {key(one) for one in wanted if one.id}
    assert [one.id for one in stored if one.id and key(one) not in said] == [], AGAIN


@pytest.mark.parametrize("path", [catalogue.PO, catalogue.ENGLISH], ids=["de", "en"])
def test_the_compiled_catalogue_is_that_of_the_text(path):
    now = gettext.GNUTranslations(io.BytesIO(catalogue.compiled(catalogue.stored(path))))
    there = gettext.GNUTranslations(io.BytesIO(path.with_suffix(".mo").read_bytes()))
    without = {"": ""}
    assert there._catalog | without == now._catalog | without, AGAIN


def test_what_django_says_is_in_our_words_in_both_languages():
    english, german = catalogue.stored(catalogue.ENGLISH), catalogue.stored()
    for one in (one for one in english if one.id):
        assert one.id in german
        for language in ("en", "de"):
            with translation.override(language):
                said = translation.ngettext(*one.id, 1) if one.pluralizable else translation.gettext(one.id)
                assert said not in one.id


def test_nothing_is_marked_as_doubtful(stored):
    assert [one.id for one in stored if one.fuzzy] == []


@pytest.mark.parametrize("path", [catalogue.PO, catalogue.ENGLISH], ids=["de", "en"])
def test_placeholders_and_tags_are_the_same(path):
    for one in catalogue.stored(path):
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


def test_nor_does_any_package_that_is_installed_speak_to_children():
    with translation.override("de"):
        said = dict(translation.trans_real.translation("de")._catalog)
    wrong = re.compile(r"\b([Dd]u|[Dd]ich|[Dd]ir|[Dd]ein(?:e[mnrs]?)?|Gib|Prüfe|Verwende|Wähle)\b")
    assert [text for text in said.values() if isinstance(text, str) and wrong.search(text)] == []


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
