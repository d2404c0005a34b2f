"""What is exported is imported as it was, here and elsewhere, and holds no secret."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.config_files import documents, exporting, importing, writing, yaml_reader
from destinations.config_files.fields import KNOWN
from destinations.configuration import revisions
from destinations.models import Destination, DestinationVersion, Extension, Resource
from tests.config_files.conftest import MARKER, SECRETS, apply, exported, options, plan, read

pytestmark = pytest.mark.django_db


def state():
    """All that people decide, but for what rows are called in the database."""
    names = {
        Resource: list(revisions.DECIDED[Resource]),
        Destination: [name for name in revisions.DECIDED[Destination] if name != "resource_id"],
    }
    return [
        {name: getattr(row, name) for name in names[kind]}
        for kind in (Resource, Destination)
        for row in kind.objects.order_by("slug")
    ]


def test_no_secret_is_in_it(newsletter):
    for text in (exported(), json.dumps(exporting.configuration(references=False))):
        assert "news.example" in text
        assert MARKER not in text
    assert all(f"${{{name}}}" in exported() for name in SECRETS if not name.endswith("_URL"))


def test_an_address_with_a_password_or_a_query_is_a_secret(newsletter):
    url = SECRETS["TRACSYNC_SECRET_NEWSLETTER_PRODUCTION_URL"]
    Resource.objects.update(production={"url": url})
    text = exported()
    assert "url: ${TRACSYNC_SECRET_NEWSLETTER_PRODUCTION_URL}" in text
    assert MARKER not in text
    assert not plan(text).changes


def test_nothing_changes_where_it_came_from(newsletter):
    assert not plan(exported()).changes
    assert not plan(exported(), secrets={}, keep=True).changes
    without = writing.dumped(exporting.configuration(references=False), "yaml")
    assert not plan(without, secrets={}).changes
    before = list(DestinationVersion.objects.values())
    assert not apply(exported()).changes
    assert list(DestinationVersion.objects.values()) == before


@pytest.mark.parametrize("format", writing.FORMATS)
def test_another_installation_becomes_the_same(newsletter, format, tmp_path):
    folder, before = tmp_path / "configuration", state()
    assert writing.write_folder(folder, exporting.configuration(), format) == []
    Destination.objects.all().delete()
    Resource.objects.all().delete()
    Extension.objects.update(installed_at=None)

    wanted = documents.load([str(folder)])
    planned = importing.plan(wanted, options())
    assert [(step.action, step.slug) for step in planned.changes] == [
        ("create", "newsletter"),
        ("create", "business"),
    ]
    assert (planned.installs, Resource.objects.count()) == (["http_api"], 0)
    importing.apply(wanted, options(expected=planned.fingerprint), None)
    assert state() == before
    again = importing.apply(wanted, options(), None)
    assert (again.changes, again.installs) == ([], [])
    assert writing.write_folder(tmp_path / "again", exporting.configuration(), format) == []
    for path in sorted(folder.rglob("*.*")):
        assert path.read_text() == (tmp_path / "again" / path.relative_to(folder)).read_text()


@pytest.mark.parametrize("text", ["\x85", "a\u2028b", " \u2029\n", "a\r\nb", "a\n\x85 b\n", "089", "\ta\n b"])
def test_any_text_is_read_as_it_was(text):
    value = {"text": text, "list": [text], text: text}
    assert yaml_reader.read(writing.dumped(value, "yaml"))[0] == value


def test_files_of_what_is_gone_are_told(newsletter, tmp_path):
    writing.write_folder(tmp_path, exporting.configuration(), "yaml")
    Destination.objects.update(slug="companies")
    assert writing.write_folder(tmp_path, exporting.configuration(), "yaml") == [
        tmp_path / "destinations/business.yaml"
    ]


def test_all_that_people_decide_is_in_it(newsletter):
    """A new field of a model belongs into `config_files.fields`."""
    sets = {"production": "credentials", "test": "credentials", "type_id": "type", "resource_id": "resource"}
    content = exporting.configuration()
    for kind, model, slug in (
        ("resources", Resource, "newsletter"),
        ("destinations", Destination, "business"),
    ):
        decided = {sets.get(name, name) for name in revisions.DECIDED[model]} - {"slug"}
        assert decided == content[kind][slug].keys() == set(KNOWN[kind]) - {"renamed_from"}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.sampled_from(
        ["no", "1e5", "0x1", "1_000", "12:30", "2026-01-01", "=", "<<", "~", "", " a\n b \n", "- x"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_yaml_says_what_json_says(value):
    text = writing.dumped({"a": value}, "yaml")
    assert yaml_reader.read(text)[0] == {"a": value}
    again = yaml_reader.read(json.dumps({"a": 1, "b": [True, None, "x"]}))[0]
    assert again == {"a": 1, "b": [True, None, "x"]}


def test_a_shared_slug_has_references_of_its_own(newsletter):
    Destination.objects.update(slug="newsletter")
    Resource.objects.update(production={**newsletter.production, "headers": {"X-Key": "1", "x_key": "2"}})
    text = exported()
    assert "X-Key: ${TRACSYNC_SECRET_NEWSLETTER_PRODUCTION_HEADERS_X_KEY}" in text
    assert "x_key: ${TRACSYNC_SECRET_NEWSLETTER_PRODUCTION_HEADERS_X_KEY_2}" in text
    assert read(text).of("destinations")[0].slug == "newsletter"
