"""Slugs: made from names, unique, editable, and what everything can be called by."""

import importlib

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection

from destinations import configuration
from destinations.configuration import history
from destinations.management import finding
from destinations.models import Destination, Resource, slugs
from destinations.scheduler import cleanup
from tests.cases import for_each


@pytest.mark.parametrize(
    ("name", "taken", "slug"),
    [
        ("Business customers to Mautic", (), "business-customers-to-mautic"),
        ("Crème & Süß", (), "creme-su"),
        ("CRM", ("crm", "crm-2"), "crm-3"),
        ("2024", (), "resource-2024"),
        ("Клиенты", (), "resource"),
        ("Клиенты", ("resource",), "resource-2"),
        ("--a__b--", (), "a-b"),
        ("x" * 200, (), "x" * 60),
    ],
)
def test_made_from_the_name(name, taken, slug):
    assert slugs.made_from(name, "resource", taken) == slug
    slugs.is_slug(slug)


@for_each("slug", ["A", "1", "a b", "ä", "-a", "a-", "a--b", "a/b", "", "a\n"])
def test_what_is_no_slug(slug):
    with pytest.raises(ValidationError):
        slugs.is_slug(slug)


def test_a_new_row_gets_one_and_keeps_it(make_resource, make_destination):
    first, second = make_destination("To: CRM"), make_destination("To CRM!")
    assert (first.slug, second.slug) == ("to-crm", "to-crm-2")
    first.name = "Other"
    configuration.save(first)
    assert Destination.objects.get(pk=first.pk).slug == "to-crm"
    first.slug = None  # as a form has it that was left blank
    configuration.save(first)
    assert Destination.objects.get(pk=first.pk).slug == "other"
    assert make_resource("To: CRM").slug == "to-crm"  # each kind has its own


@pytest.mark.parametrize("old", [{}, {"slug": "crm"}])
def test_versions_that_did_not_note_it_are_no_change(make_destination, old):
    destination = make_destination("crm")
    version = destination.versions.get()
    content = {name: value for name, value in version.content.items() if name != "slug"} | old
    destination.versions.update(content=content)
    configuration.save(destination)
    assert destination.versions.count() == 1
    assert history.changes(content, history.content_of(destination)) == []
    destination.slug = "other"
    configuration.save(destination)
    assert destination.versions.count() == 2
    assert Destination.objects.get().revision == 2


def test_rows_of_the_release_before_get_theirs(make_destination):
    """It knows no such column."""
    destination = make_destination("To CRM")
    make_destination("To CRM?")
    Destination.objects.update(slug=None)
    Resource.objects.update(slug=None)
    assert finding.destination("To CRM").pk == destination.pk
    cleanup.prune()
    assert list(Destination.objects.order_by("pk").values_list("slug", flat=True)) == ["to-crm", "to-crm-2"]
    assert Resource.objects.get().slug == "memory"


def test_the_migration_gives_them(make_destination):
    make_destination("To CRM")
    make_destination("To CRM?")
    Destination.objects.update(slug=None)
    migration = importlib.import_module("destinations.migrations.0025_slugs")
    migration.fill(apps, connection.schema_editor)
    assert sorted(Destination.objects.values_list("slug", flat=True)) == ["to-crm", "to-crm-2"]


def test_commands_find_by_slug_name_and_number(make_destination):
    destination = make_destination("To CRM")
    for name in ("to-crm", "To CRM", str(destination.pk)):
        assert finding.destination(name).pk == destination.pk
    for name in ("9" * 40, "²", "nothing"):
        with pytest.raises(Exception, match="There is no destination"):
            finding.destination(name)
